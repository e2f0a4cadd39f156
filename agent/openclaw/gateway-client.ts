/**
 * OpenClaw's gateway as typed calls over its own WebSocket protocol (version 4).
 *
 * On loopback the shared token is enough: a client that names itself `gateway-client` in mode `backend` keeps the
 * scopes it asks for without a paired device (measured on 2026.9.6).
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import { GatewayWire } from './gateway-wire.ts';

const HANDSHAKE_MILLIS = 10_000;
const REQUEST_MILLIS = 30_000;
/** A patch waits until the gateway has taken it, which for a plugin may mean loading code. */
const PATCH_MILLIS = 60_000;
const PROTOCOL = 4;

const hello = z.object({
  type: z.literal('hello-ok'),
  protocol: z.number(),
  server: z.object({ version: z.string() }),
  auth: z.object({ role: z.string(), scopes: z.array(z.string()) }),
});

const json = z.record(z.string(), z.unknown());

const configGet = z.object({
  /** Guards a write: `config.patch` repeats it. */
  hash: z.string(),
  /** Hash of the file (null when it is not valid), and of what the gateway runs with; equal when it took the file. */
  configRevisionHash: z.string().nullish(),
  appliedConfigHash: z.string().nullish(),
  /** The file's text, with `${VARIABLES}` as written. */
  raw: z.string().nullish(),
  parsed: json.nullish(),
  resolved: json.nullish(),
  /** What is in effect; secrets are replaced by `__OPENCLAW_REDACTED__`. */
  config: json,
  valid: z.boolean(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
});

const configPatch = z.object({
  ok: z.boolean(),
  hash: z.string().optional(),
  config: json.optional(),
  changedPaths: z.array(z.string()).default([]),
  sentinel: z
    .object({ payload: z.object({ stats: z.object({ requiresRestart: z.boolean() }).partial() }).partial() })
    .partial()
    .nullish(),
});

const schemaLookup = z.object({ reloadKind: z.enum(['none', 'hot', 'restart']).optional() });

const systemInfo = z.object({ pid: z.number(), processInstanceId: z.string() });

const suspensionStatus = z.object({
  status: z.enum(['running', 'draining', 'ready']),
  activeCount: z.number().default(0),
  blockers: z.array(z.object({ kind: z.string(), count: z.number(), message: z.string() })).default([]),
});

const suspension = suspensionStatus.extend({ suspensionId: z.string() });

const chatSend = z.object({ runId: z.string(), status: z.string() });
const agentWait = z.object({ status: z.string(), error: z.string().nullish() });
const chatHistory = z.object({ messages: z.array(json) });

/** What the gateway said when it let us in. */
export type GatewayHello = z.infer<typeof hello>;
/** The configuration as the gateway sees it. */
export type GatewayConfig = z.infer<typeof configGet>;
/** What a patch did. */
export type GatewayConfigPatch = z.infer<typeof configPatch>;
/** How far a drain is. */
export type SuspensionStatus = z.infer<typeof suspensionStatus>;

/** Whom to call and for how long. */
export type GatewayAddress = {
  readonly port: number;
  readonly token: string;
  readonly signal?: AbortSignal;
  /** For the socket and the handshake together. */
  readonly timeoutMillis?: number;
};

/** Connects and shakes hands. Throws `unavailable` while nothing listens or the gateway starts, `unauthenticated` for a wrong token. */
export async function connectGateway(address: GatewayAddress): Promise<GatewayClient> {
  const timeout = AbortSignal.timeout(address.timeoutMillis ?? HANDSHAKE_MILLIS);
  const signal = address.signal === undefined ? timeout : AbortSignal.any([address.signal, timeout]);
  const wire = new GatewayWire(address.port);
  const giveUp = () => wire.close('it did not let us in in time');
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    if (signal.aborted) giveUp();
    await wire.challenged;
    const answer = await wire.request('connect', connectParameters(address.token), HANDSHAKE_MILLIS);
    return new GatewayClient(wire, parseAnswer(hello, 'connect', answer));
  } catch (cause) {
    wire.close(); // nothing when it is closed already
    address.signal?.throwIfAborted();
    throw cause;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** An open connection to the gateway. */
export class GatewayClient {
  readonly hello: GatewayHello;
  readonly #wire: GatewayWire;

  constructor(wire: GatewayWire, greeting: GatewayHello) {
    this.#wire = wire;
    this.hello = greeting;
  }

  /** Resolves, with why, when the connection is gone; never rejects. */
  get closed(): Promise<string> {
    return this.#wire.closed;
  }

  configGet(): Promise<GatewayConfig> {
    return this.#call('config.get', {}, configGet);
  }

  /**
   * Merges `patch` (JSON merge patch) into the configuration file; `baseHash` is `hash` of the last `configGet`.
   * An array that loses entries must be named in `replacePaths`, else OpenClaw refuses or merges it by id.
   */
  configPatch(patch: object, baseHash: string, replacePaths: readonly string[] = []): Promise<GatewayConfigPatch> {
    const parameters = { raw: JSON.stringify(patch), baseHash, replacePaths };
    return this.#call('config.patch', parameters, configPatch, PATCH_MILLIS);
  }

  /** What a change of this key would take; `unknown` when the schema does not have it. */
  async configReloadKind(path: string): Promise<'none' | 'hot' | 'restart' | 'unknown'> {
    try {
      return (await this.#call('config.schema.lookup', { path }, schemaLookup)).reloadKind ?? 'unknown';
    } catch (cause) {
      if (cause instanceof OpenCraneError && cause.code === 'invalid_argument') return 'unknown';
      throw cause;
    }
  }

  systemInfo(): Promise<z.infer<typeof systemInfo>> {
    return this.#call('system.info', {}, systemInfo);
  }

  /** Stops taking new work and lets what runs end. Repeating it with the same id renews the lease of two minutes. */
  suspendPrepare(requestId: string): Promise<z.infer<typeof suspension>> {
    const parameters = { requestId, terminalPolicy: 'terminate', drain: true };
    return this.#call('gateway.suspend.prepare', parameters, suspension);
  }

  suspendStatus(suspensionId: string): Promise<SuspensionStatus> {
    return this.#call('gateway.suspend.status', { suspensionId }, suspensionStatus);
  }

  /** Lets the next SIGTERM interrupt what still runs, in OpenClaw's own orderly way. */
  async suspendHandoff(
    suspensionId: string,
    target: { readonly pid: number; readonly processInstanceId: string },
  ): Promise<void> {
    await this.#call('gateway.suspend.handoff', { suspensionId, target }, z.object({ status: z.literal('armed') }));
  }

  /** Says something to the agent of a session; `key` makes repeating it harmless. Resolves when the turn was taken up. */
  chatSend(sessionKey: string, message: string, key: string): Promise<z.infer<typeof chatSend>> {
    return this.#call('chat.send', { sessionKey, message, idempotencyKey: key }, chatSend);
  }

  /** Waits for a turn to end; `status` is `timeout` when it has not. */
  agentWait(runId: string, timeoutMillis: number): Promise<z.infer<typeof agentWait>> {
    return this.#call('agent.wait', { runId, timeoutMs: timeoutMillis }, agentWait, timeoutMillis + REQUEST_MILLIS);
  }

  /** The newest messages of a session, as OpenClaw gives them: 1,000 at most, the most that it gives at once. */
  chatHistory(sessionKey: string): Promise<z.infer<typeof chatHistory>> {
    return this.#call('chat.history', { sessionKey, limit: 1_000 }, chatHistory);
  }

  /** Hangs up; what is unanswered is refused. Resolves at once. */
  async close(): Promise<void> {
    this.#wire.close();
    await this.#wire.closed;
  }

  async #call<T>(
    method: string,
    parameters: Record<string, unknown>,
    schema: z.ZodType<T>,
    timeoutMillis = REQUEST_MILLIS,
  ): Promise<T> {
    return parseAnswer(schema, method, await this.#wire.request(method, parameters, timeoutMillis));
  }
}

function parseAnswer<T>(schema: z.ZodType<T>, method: string, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new OpenCraneError(
    'internal',
    'gateway_answer_unknown',
    `${method}: OpenClaw's answer is not what we know: ${path}: ${issue?.message}`,
    { field: path, mend: 'this version of OpenClaw may be newer than this OpenCrane knows' },
  );
}

function connectParameters(token: string): Record<string, unknown> {
  return {
    minProtocol: PROTOCOL,
    maxProtocol: PROTOCOL,
    client: { id: 'gateway-client', version: '0.1.0', platform: process.platform, mode: 'backend' },
    role: 'operator',
    scopes: ['operator.admin', 'operator.read', 'operator.write'],
    caps: [],
    commands: [],
    permissions: {},
    auth: { token },
  };
}
