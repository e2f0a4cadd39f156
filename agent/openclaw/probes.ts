/** The gateway's HTTP probes. Only JSON counts: on a path it does not know the gateway answers 200 with its web page. */
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';

const healthz = z.object({ ok: z.boolean() });
const startupz = z.object({
  ok: z.boolean(),
  status: z.string(),
  version: z.string().optional(),
  pendingReason: z.string().optional(),
});
const readyz = z.object({ ready: z.boolean(), failing: z.array(z.string()).default([]) });

/** What `/startupz` says. */
export type Startup = {
  readonly started: boolean;
  /** OpenClaw's own word, such as `started`, `starting` or `draining`. */
  readonly status: string;
  /** Version that answers; empty while it does not say. */
  readonly version: string;
  /** What it waits for; empty when it does not say. */
  readonly pending: string;
};

/** What `/readyz` says. */
export type Readiness = { readonly ready: boolean; readonly failing: readonly string[] };

/** Everything the probes say at one moment. */
export type Probes = {
  readonly live: boolean;
  readonly started: boolean;
  readonly ready: boolean;
  readonly version: string;
  readonly status: string;
  readonly failing: readonly string[];
};

/** Options of a probe. */
export type ProbeOptions = { readonly signal?: AbortSignal; readonly timeoutMillis?: number };

/** Asks `/startupz`; throws `unavailable` when nothing answers, or something that is not the gateway does. */
export async function probeStartup(port: number, options: ProbeOptions = {}): Promise<Startup> {
  const said = await probe(port, '/startupz', startupz, options);
  return {
    started: said.ok && said.status === 'started',
    status: said.status,
    version: said.version ?? '',
    pending: said.pendingReason ?? '',
  };
}

/** Asks `/readyz`; throws like `probeStartup`. */
export async function probeReadiness(port: number, options: ProbeOptions = {}): Promise<Readiness> {
  return await probe(port, '/readyz', readyz, options);
}

/** Asks all three probes; undefined while nothing answers. */
export async function probeAll(port: number, options: ProbeOptions = {}): Promise<Probes | undefined> {
  try {
    const [live, startup, readiness] = await Promise.all([
      probe(port, '/healthz', healthz, options),
      probeStartup(port, options),
      probeReadiness(port, options),
    ]);
    const { started, version, status } = startup;
    return { live: live.ok, started, version, status, ready: readiness.ready, failing: readiness.failing };
  } catch (cause) {
    if (cause instanceof OpenCraneError && cause.code === 'unavailable' && !options.signal?.aborted) return undefined;
    throw cause;
  }
}

async function probe<T>(port: number, path: string, schema: z.ZodType<T>, options: ProbeOptions): Promise<T> {
  const timeout = AbortSignal.timeout(options.timeoutMillis ?? 5_000);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  try {
    // A probe that is not ready answers 503 with the same JSON.
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      signal,
      headers: { accept: 'application/json' },
    });
    return schema.parse(JSON.parse(await response.text()));
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new OpenCraneError(
      'unavailable',
      'gateway_unreachable',
      `asking ${path} of port ${port}: ${causeOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** fetch hides why it failed in `cause`. */
function causeOf(thrown: unknown): string {
  if (thrown instanceof z.ZodError || thrown instanceof SyntaxError) return 'the answer is not what OpenClaw gives';
  return thrown instanceof Error && thrown.cause !== undefined ? messageOf(thrown.cause) : messageOf(thrown);
}
