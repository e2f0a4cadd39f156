/** Waits until a running OpenClaw itself says that it serves with a document. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { isAbort, messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { assertOnItsWay } from './cut-off.ts';
import type { ConfigGateway, ConfiguredOpenClaw } from './ports.ts';

/** Between two questions; each takes OpenClaw a few milliseconds. */
const ASK_EVERY_MILLIS = 50;

/** What to wait for and how long. */
export type InEffectOptions = {
  readonly openclaw: ConfiguredOpenClaw;
  readonly clock: Clock;
  readonly timeoutMillis: number;
  /** Whether the document is the wanted one. Secrets in it are redacted. */
  readonly wanted: (document: Readonly<Record<string, unknown>>) => boolean;
};

/** Resolves with how long OpenClaw could not be reached meanwhile; throws `deadline_exceeded` when it does not come to pass, and what assertOnItsWay does. */
export async function awaitInEffect(options: InEffectOptions, signal: AbortSignal): Promise<number> {
  const { openclaw, clock, timeoutMillis, wanted } = options;
  const deadline = clock.monotonic() + timeoutMillis;
  let gateway: ConfigGateway | undefined;
  let downSince: number | undefined;
  let downtime = 0;
  let last = 'nothing was heard of it';
  try {
    while (clock.monotonic() < deadline) {
      signal.throwIfAborted();
      try {
        gateway ??= await openclaw.connect(signal);
        if (downSince !== undefined) downtime += clock.monotonic() - downSince;
        downSince = undefined;
        const { valid, configRevisionHash, appliedConfigHash, parsed } = await gateway.configGet();
        const taken = valid && appliedConfigHash !== undefined && appliedConfigHash === configRevisionHash;
        if (taken && parsed && wanted(parsed)) return Math.round(downtime);
        last = taken ? 'it serves with other values' : 'it has not taken the file';
      } catch (cause) {
        if (isAbort(cause)) throw cause;
        last = messageOf(cause);
        downSince ??= clock.monotonic();
        await gateway?.close();
        gateway = undefined;
        await assertOnItsWay(openclaw);
      }
      await clock.sleep(ASK_EVERY_MILLIS, signal);
    }
  } finally {
    await gateway?.close();
  }
  throw new OpenCraneError(
    'deadline_exceeded',
    'config_not_in_effect',
    `OpenClaw did not take the configuration within ${timeoutMillis} ms: ${last}`,
    { mend: 'look at its log: opencrane tenant logs' },
  );
}
