/** Numbers of the agent plane, with where they come from. */
import type { ServerOptions } from '@grpc/grpc-js';
import type { AdmissionOptions } from './admission.ts';

/** What may be set differently, mostly in tests. */
export type AgentPlaneLimits = {
  /** Streams that may begin: one core accepts about 1,000 a second, and the database must keep up. */
  readonly admission: AdmissionOptions;
  /** From the opening of a stream to its hello, token check included; and from that of a connection to its first request. */
  readonly helloMillis: number;
  /** From the last word to the end of the stream; then the connection is cut. */
  readonly endingMillis: number;
  /** How long a connection may be silent; longer where sessions may be (heartbeats.ts). */
  readonly silentConnectionMillis: number;
  /** Age at which streams are renewed, jittered by a tenth, so that load spreads over replicas. */
  readonly maxAgeMillis: number;
  /** Largest message of an agent; health trees and receipts are a few KB. */
  readonly maxMessageBytes: number;
  /** Blobs read at one time; each holds a file handle and a piece of 256 KiB. */
  readonly blobReaders: number;
  /** How long a reader of a blob may take for one piece; then its connection is cut and its place is free. */
  readonly blobStallMillis: number;
  /** How agents are sent away at shutdown. */
  readonly drain: { readonly batch: number; readonly pauseMillis: number; readonly graceMillis: number };
};

/** The limits as shipped. */
export const defaultLimits: AgentPlaneLimits = {
  admission: { perSecond: 500, burst: 1_000 },
  helloMillis: 10_000,
  endingMillis: 5_000,
  silentConnectionMillis: 60_000,
  maxAgeMillis: 45 * 60_000,
  maxMessageBytes: 1024 * 1024,
  blobReaders: 32,
  blobStallMillis: 60_000,
  drain: { batch: 250, pauseMillis: 50, graceMillis: 3_000 },
};

/**
 * The same for grpc-js. Its own maximum age, keepalive and idle times stay off: sessions and blob calls end themselves
 * and cut who does not follow, the listener cuts who is silent, and timers of every connection are dear in a storm.
 */
export function grpcOptions(limits: AgentPlaneLimits): ServerOptions {
  return {
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc.max_concurrent_streams': 100,
    'grpc.enable_channelz': 0,
  };
}
