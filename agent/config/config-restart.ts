/**
 * Brings a change that takes a restart.
 *
 *   validate ──▶ note the attempt ──▶ drain, stop ──▶ write ──▶ start, ready ──▶ read back
 *                                                       └── not ready: the old file, started again
 */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { isAbort, messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { faultPoint } from '../fault-point.ts';
import { type Change, inEffect, type Pushed, type PushPorts, validated } from './change.ts';
import { type LiveFile, textOf } from './config-files.ts';
import { isCutOff } from './cut-off.ts';
import { mergeThreeWays } from './three-way-merge.ts';

/** Brings a change by one drained restart; an OpenClaw that is down already is only started. */
export async function restartInto(ports: PushPorts, change: Change, signal: AbortSignal): Promise<Pushed> {
  const { files, openclaw, timeouts } = ports;
  const before = await files.readLive();
  const previousText = before.state === 'absent' ? null : before.text;
  await validated(ports, wantedOver(before, change), signal);
  faultPoint('config:validated');
  await files.writeAttempt({ digest: change.digest, previous: previousText });
  faultPoint('config:attempt-noted');
  const write = async () => {
    faultPoint('config:stopped');
    // The user may have edited until the very end; what it wrote last counts.
    await files.writeLive(textOf(wantedOver(await files.readLive(), change)));
    faultPoint('config:written');
  };
  let downtimeMillis = 0;
  try {
    ({ downtimeMillis } = await openclaw.restart('a configuration that takes a restart', write, signal));
    faultPoint('config:restarted');
    downtimeMillis += await inEffect(ports, change, timeouts.restartMillis, signal);
  } catch (cause) {
    // The attempt is on disk: the next try decides, of this agent or of the next.
    if (isAbort(cause) || signal.aborted || isCutOff(cause)) throw cause;
    await openclaw.restart('back to the last good configuration', () => files.restoreLive(previousText), signal);
    await files.removeAttempt();
    throw new OpenCraneError(
      'failed_precondition',
      'config_start_failed',
      `OpenClaw does not serve with it, and serves with the one from before again: ${messageOf(cause)}`,
      { cause, mend: 'correct what it names and set it again' },
    );
  }
  return { effect: 'restart', downtimeMillis, respelled: change.respelled };
}

function wantedOver(file: LiveFile, { previous, document, lastGood }: Change): JsonObject {
  return mergeThreeWays(previous, document, file.state === 'read' ? file.document : lastGood);
}
