/** What all sessions share, so that one costs little. */
import type { Socket } from 'node:net';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { CommandResult, GoodbyeReason, Hello } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { PreparedOffer } from '../offers/offer.ts';
import type { Outgoing } from './mailbox.ts';
import type { Order } from './messages.ts';
import type { AgentMetrics } from './metrics.ts';
import type { AgentObserver, AgentTokenVerifier } from './ports.ts';
import type { Left } from './renewals.ts';

/** A session as its surroundings see it. */
export interface HostedSession {
  readonly id: string;
  /** Empty until the token has been checked. */
  readonly tenant: string;
  /** Hands the tenant's desired state to the agent, as far as it does not have it. */
  desire(offers: readonly PreparedOffer[]): void;
  /** Orders something; resolves with the agent's result when it has done it. */
  order(commandId: string, what: Order, signal?: AbortSignal): Promise<CommandResult>;
  /** Ends the stream with a last word. Resolves when the observer has been told. */
  bye(reason: GoodbyeReason, reconnectAfterMillis: number, error?: OpenCraneError): Promise<void>;
  /** Looks whether something took too long. `now` is monotonic. */
  sweep(now: number): void;
}

/** The surroundings of a session. */
export interface SessionHost {
  readonly verifier: AgentTokenVerifier;
  readonly observer: AgentObserver;
  readonly metrics: AgentMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** Sweeps a hello, and a last word, may take. */
  readonly patience: { readonly helloSweeps: number; readonly endingSweeps: number };
  newId(): string;
  /** Sweeps since the start. */
  sweeps(): number;
  /** How long a new stream may live, jittered. */
  age(): number;
  /** When an agent that is sent away should come again, jittered. */
  reconnectAfter(): number;
  /** Accepts a hello: the session's id, and the interval of heartbeats. */
  welcome(sessionId: string): Outgoing;
  /** Answers a heartbeat: the interval, encoded once for all. */
  heartbeatAnswer(): Outgoing;
  silentSweeps(): number;
  /** Makes the session its tenant's; resolves when the one before has left. */
  enter(session: HostedSession): Promise<void>;
  /** The session no longer speaks for its tenant; `asked` when its agent was asked to come again. */
  leave(session: HostedSession, asked: Left | undefined): void;
  /** Tells that an agent has said hello, unless it has come again as it was asked to. */
  connected(tenant: string, hello: Hello, sessionId: string): Promise<void>;
  /** Tells that an agent's stream has ended. Never rejects. */
  disconnected(tenant: string, sessionId: string, why: string): Promise<void>;
  /** The session's transport is gone. */
  closed(session: HostedSession): void;
  /** The session serves: has the tenant's desired state handed to it. */
  refresh(session: HostedSession): void;
  runtimeRequest(tenant: string, requestId: string, version: string): ReturnType<AgentObserver['runtimeRequest']>;
  socketOf(peer: string): Socket | undefined;
}
