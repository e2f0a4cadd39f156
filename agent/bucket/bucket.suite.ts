/**
 * What every bucket must do, whichever way its objects are kept: bucket.ts as tests.
 *
 * It runs on a local folder, on a folder that is a real gcsfuse mount, and on a GCS server through the API.
 */
import { after, before, describe, test } from 'node:test';
import type { Bucket } from './bucket.ts';
import { streams } from './suite/bodies.ts';
import { erasing } from './suite/erasing.ts';
import { lists } from './suite/lists.ts';
import { reading, writing } from './suite/objects.ts';
import { races } from './suite/races.ts';
import { refusals } from './suite/refusals.ts';
import type { On } from './suite/stage.ts';

/** Buckets to test. */
export type Buckets = {
  /** Makes an empty bucket. Each call of `open` gives what another agent would have. */
  empty(): Promise<{ open(): Bucket }>;
  /** Takes down what the buckets needed. */
  end(): Promise<void>;
};

/** What differs from one kind of bucket to the next. */
export type SuiteOptions = {
  /** How many objects are many for it. */
  readonly many: number;
};

/** Runs the suite on one kind of bucket, or says why it cannot. */
export function bucketSuite(
  kind: string,
  start: () => Promise<Buckets | { readonly skip: string }>,
  options: SuiteOptions,
) {
  describe(kind, () => {
    let buckets: Buckets | undefined;
    let reason = '';

    before(async () => {
      const started = await start();
      if ('skip' in started) reason = started.skip;
      else buckets = started;
    });
    after(() => buckets?.end());

    const on: On = (what, check) =>
      void test(what, async (context) => {
        if (buckets === undefined) return context.skip(reason);
        const { open } = await buckets.empty();
        await check(open(), open);
      });

    reading(on);
    writing(on);
    races(on);
    streams(on);
    lists(on, options.many);
    refusals(on);
    erasing(on);
  });
}
