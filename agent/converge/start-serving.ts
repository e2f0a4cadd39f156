/** Starting what serves. */
import type { ReportProgress } from '../appliers/applier.ts';
import { faultPoint } from '../fault-point.ts';
import type { InstalledRuntimes } from '../runtime/installed-runtimes.ts';
import type { OpenClaw } from '../supervise/openclaw.ts';
import type { ServingRecordFile } from './serving-record.ts';

/** Starts what serves: the last good version with the last good configuration, coordinator or not. */
export async function startServing(
  { current }: ServingRecordFile,
  installed: InstalledRuntimes,
  openclaw: OpenClaw,
  report: ReportProgress,
  signal: AbortSignal,
): Promise<void> {
  if (current.runtime === undefined) return;
  const { directory, version } = await installed.ensure(current.runtime, report, signal);
  report('start', `starting OpenClaw ${version}`);
  faultPoint('boot:start');
  await openclaw.startReady(directory, version, signal);
  report('ready', `OpenClaw ${version} is ready`);
}
