/** Progress of what takes long, for whoever follows: the coordinator, and a tenant who typed `openclaw update`. */
import { create } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import { type Progress, ProgressSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { ReportProgress } from '../appliers/applier.ts';

/** Progress of one operation: called at each advance, finished once. */
export type Reporter = ReportProgress & { readonly finish: (error?: string) => void };

/** At most this often within a step; a new step is told at once. Fast enough for an eye, slow enough for 10,000 agents. */
const EVERY_MILLIS = 200;

/** Makes the reporter of an operation such as `boot`. */
export function createReporter(operation: string, send: (progress: Progress) => void, clock: Clock): Reporter {
  const began = clock.monotonic();
  let last = { step: '', message: '', at: Number.NEGATIVE_INFINITY };
  const tell = (part: Partial<Omit<Progress, '$typeName' | '$unknown'>>) =>
    send(create(ProgressSchema, { operation, elapsedMillis: BigInt(Math.round(clock.monotonic() - began)), ...part }));
  const report: ReportProgress = (step, message, doneBytes = 0, totalBytes = 0) => {
    const at = clock.monotonic();
    if (step === last.step && at - last.at < EVERY_MILLIS && doneBytes !== totalBytes) return;
    last = { step, message, at };
    tell({ step, message, doneBytes: BigInt(doneBytes), totalBytes: BigInt(totalBytes) });
  };
  const finish = (error = '') => tell({ step: last.step, message: last.message, finished: true, error });
  return Object.assign(report, { finish });
}
