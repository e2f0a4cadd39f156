/**
 * A person's own way to their data, with nothing of OpenCrane running:
 *
 *   node agent/vault/offline/main.ts --bucket ADDRESS --key-file FILE --command JSON [--output FILE|-]
 *   node agent/vault/offline/main.ts --bucket ADDRESS --key-file FILE --rotate-to NEW_KEY_FILE
 *   node agent/vault/offline/main.ts --bucket ADDRESS --key-file FILE --recover newest|NUMBER
 *   node agent/vault/offline/main.ts --bucket ADDRESS --key-file FILE --look | --remove [--disk FILE]
 *
 * `--command` is a VaultCommand, and what comes is NDJSON (words.ts). The exit code is that of the error (kit/errors.ts).
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { toJson } from '@bufbuild/protobuf';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { exitCodeOf, exitCodes, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { linesForTerminal } from '@opencrane/kit/terminal-text.ts';
import { ProgressSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { objectAt } from '../../bucket/layout.ts';
import { openBucket } from '../../bucket/open-bucket.ts';
import { faultPoint } from '../../fault-point.ts';
import { readHolder } from '../../fence/holder.ts';
import { type HolderId, holderIdOf } from '../../fence/lease-record.ts';
import { DEFAULT_OUTAGE_MILLIS, DEFAULT_TTL_MILLIS, termsOf } from '../../fence/terms.ts';
import { bootClock } from '../../launcher/boot-clock.ts';
import { createReporter } from '../../supervise/progress.ts';
import { isArchiveOnStandardOutput, type Order, parseOrder } from './order.ts';
import { runOrder } from './run-order.ts';
import { type Say, wordsTo } from './words.ts';

const random = Math.random;

/** Resolves with the exit code. */
async function main(words: readonly string[], say: Say, signal: AbortSignal): Promise<number> {
  const reporter = createReporter('vault', (progress) => say({ progress: toJson(ProgressSchema, progress) }), clock);
  try {
    const order = parseOrder(words);
    const ports = {
      bucket: openBucket(order.bucket, { clock, random, newId: randomUUID }),
      lease: {
        name: objectAt({ kind: 'lease' }),
        claimant: { holder: await holderOf(order), instance: randomUUID(), host: `${hostname()} (offline)` },
        // It asks no coordinator; the second is for a lease that somebody removed.
        terms: termsOf(DEFAULT_TTL_MILLIS, { id: '', outageMillis: DEFAULT_OUTAGE_MILLIS }),
        clock: bootClock,
        random,
        log: createLogger({ program: 'vault', level: 'silent' }),
      },
      report: reporter,
      onStep: faultPoint,
      newId: randomUUID,
      randomBytes,
      clock,
    };
    const result = await runOrder(order, ports, signal);
    reporter.finish();
    say({ result });
    return exitCodes.ok;
  } catch (thrown) {
    const error = toOpenCraneError(thrown, 'carrying out the order');
    const { code, reason, message, field, mend } = error;
    reporter.finish(message);
    say({ error: { code, reason, message, field, mend } });
    return exitCodeOf(error);
  }
}

/** A disk of its own, which takes over from nobody who may still be there; or one whose agent was ended, which goes on at once. */
async function holderOf({ diskFile }: Order): Promise<HolderId> {
  const isThere = diskFile !== undefined && existsSync(diskFile);
  return isThere ? readHolder(diskFile, randomUUID) : holderIdOf(randomUUID());
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stop.abort(new DOMException(`ended by ${signal}`, 'AbortError')));
try {
  const words = process.argv.slice(2);
  process.exitCode = await main(words, wordsTo(isArchiveOnStandardOutput(words)), stop.signal);
} catch (thrown) {
  const error = toOpenCraneError(thrown, 'starting');
  process.stderr.write(linesForTerminal(`vault: ${error.message}${error.mend && `\n  to mend it: ${error.mend}`}\n`));
  process.exitCode = exitCodeOf(error);
}
