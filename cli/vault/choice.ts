/** Which snapshot a command is about, as it is typed: `--at TIME`, `--snapshot NUMBER`, or neither. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { SnapshotChoiceSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { z } from 'zod';
import type { Option } from '../command.ts';
import { int64 } from '../int64.ts';
import type { Output } from '../output/output.ts';
import { formatMoment, momentOf, momentSchema } from './moment.ts';

/** A choice to send. */
export type Choice = MessageInitShape<typeof SnapshotChoiceSchema>;

/** The newest snapshot. */
export const newest: Choice = { choice: { case: 'newest', value: true } };

/** The options that pick one. */
export const choiceOptions: readonly Option[] = [
  { flags: '--at <time>', summary: 'the newest of this time or before, such as 2026-09-12T14:00; no zone means local' },
  { flags: '--snapshot <number>', summary: 'the one of this number' },
];

/** What they are once typed. */
export const choiceShape = { at: momentSchema.optional(), snapshot: int64(1n).optional() };

type Typed = { readonly at?: number | undefined; readonly snapshot?: bigint | undefined };

/** The choice that was typed, undefined when none was. A time is said again with its zone. */
export function readChoice({ at, snapshot }: Typed, output: Output): Choice | undefined {
  if (at !== undefined && snapshot !== undefined) {
    throw new OpenCraneError('invalid_argument', 'snapshot_unclear', 'both a time and a number are named', {
      field: 'at',
      mend: 'say --at TIME or --snapshot NUMBER',
    });
  }
  if (snapshot !== undefined) return ofSequence(snapshot);
  if (at === undefined) return undefined;
  output.line(output.style('dim', `as of ${formatMoment(at)}`));
  return ofMoment(at);
}

/** A snapshot as an argument: a number, or a time. */
export const choiceSchema = z.string().transform((text, context): Choice => {
  if (/^[1-9]\d{0,17}$/.test(text)) return ofSequence(BigInt(text));
  const moment = momentOf(text);
  if (moment !== undefined) return ofMoment(moment);
  context.addIssue({ code: 'custom', message: `"${text}" is neither the number of a snapshot nor a time` });
  return z.NEVER;
});

/** The choice of the snapshot of this number. */
export function ofSequence(value: bigint): Choice {
  return { choice: { case: 'sequence', value } };
}

function ofMoment(millis: number): Choice {
  return { choice: { case: 'atMillis', value: BigInt(millis) } };
}
