import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitCodes } from '@opencrane/kit/errors.ts';
import { runCli } from '../../testing.ts';

const layer = { revision: 7n };

/** What of a request says which revision it is made on. */
type Expectation = { readonly expectedRevision: bigint; readonly expectUnwritten: boolean };

const cases = [
  {
    reason: 'an edit of a layer that was never written says so: two of them must not overwrite each other',
    words: ['config', 'edit', '--org'],
    written: 0n,
    asked: { expectedRevision: 0n, expectUnwritten: true },
  },
  {
    reason: 'an edit is made on the revision that was read',
    words: ['config', 'edit', '--org'],
    written: 7n,
    asked: { expectedRevision: 7n, expectUnwritten: false },
  },
  {
    reason: '0 is a layer that was never written, not "no check"',
    words: ['config', 'set', '--org', 'a', '1', '--expected-revision', '0', '--no-wait'],
    written: 0n,
    asked: { expectedRevision: 0n, expectUnwritten: true },
  },
  {
    reason: 'a removal can be made on a revision, too',
    words: ['config', 'unset', '--org', 'a', '--expected-revision', '7', '--no-wait'],
    written: 7n,
    asked: { expectedRevision: 7n, expectUnwritten: false },
  },
  {
    reason: 'without the option there is no check',
    words: ['config', 'set', '--org', 'a', '1', '--no-wait'],
    written: 7n,
    asked: { expectedRevision: 0n, expectUnwritten: false },
  },
  {
    reason: 'an empty word, as of an unset shell variable, is not 0',
    words: ['config', 'set', '--org', 'a', '1', '--expected-revision', '', '--no-wait'],
    written: 7n,
    asked: undefined,
  },
] as const;

for (const { reason, words, written, asked } of cases) {
  test(reason, async () => {
    const requests: Expectation[] = [];
    const take = ({ expectedRevision, expectUnwritten }: Expectation) => {
      requests.push({ expectedRevision, expectUnwritten });
      return { layer, changed: false };
    };
    const config = {
      getConfig: () => ({ layer: { revision: written, document: {} } }),
      updateConfig: take,
      replaceConfig: take,
    };
    const ran = await runCli(words, { config }, { environment: { EDITOR: 'true' } });
    assert.deepEqual(requests, asked === undefined ? [] : [asked]);
    assert.equal(ran.exitCode, asked === undefined ? exitCodes.usage : exitCodes.ok, ran.errors);
  });
}
