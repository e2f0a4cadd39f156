/** Which revision of a layer a change is made on. */

import { z } from 'zod';
import { isInt64 } from '../int64.ts';

/** The option, for the commands that change a layer. */
export const expectedRevisionOption = {
  flags: '--expected-revision <number>',
  summary: 'fail unless the layer is at this revision; 0: unless it was never written',
};

/** What is typed for it. Not coerced: an empty word, as of an unset shell variable, would be read as 0. */
export const expectedRevisionShape = {
  expectedRevision: z
    .string()
    .regex(/^\d+$/, 'a revision is a number')
    .transform(BigInt)
    .refine(isInt64, 'there is no such revision')
    .optional(),
};

/** The fields of a request that make it fail unless the layer is at `revision`; undefined asks for no check. */
export function expectation(revision: bigint | undefined): {
  readonly expectedRevision: bigint;
  readonly expectUnwritten: boolean;
} {
  return { expectedRevision: revision ?? 0n, expectUnwritten: revision === 0n };
}
