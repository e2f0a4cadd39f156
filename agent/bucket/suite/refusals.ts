/** What no bucket takes. */
import assert from 'node:assert/strict';
import type { ObjectName } from '../bucket.ts';
import { absent, names, nothingIn, type On, text } from './stage.ts';

const refusedNames = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  '../a',
  'a/../b',
  'a/..',
  './a',
  'a b',
  'a\\b',
  'ä',
  'a\0',
  '~lock',
  '~drafts/x',
  'x'.repeat(256),
  'x/'.repeat(512),
];

/** Names and prefixes that lead elsewhere. */
export function refusals(on: On): void {
  on('names that are none are refused, whoever forged them', async (bucket) => {
    for (const bad of refusedNames) {
      const forged = bad as ObjectName; // as a caller without types would
      const calls = [
        () => bucket.create(forged, text('x')),
        () => bucket.replace(forged, text('x'), absent),
        () => bucket.read(forged),
        () => bucket.stream(forged),
        () => bucket.info(forged),
        () => bucket.delete(forged),
      ];
      for (const call of calls) await assert.rejects(call(), { reason: 'object_name_invalid' }, JSON.stringify(bad));
    }
    await nothingIn(bucket);
  });

  on('prefixes that lead elsewhere are refused', async (bucket) => {
    for (const bad of ['/', '../', 'a/../b', 'a//', '~', 'a b']) {
      await assert.rejects(names(bucket, bad), { reason: 'object_name_invalid' }, JSON.stringify(bad));
    }
  });
}
