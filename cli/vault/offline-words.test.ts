import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import fc from 'fast-check';
import { z } from 'zod';
import { readOfflineWord, readResult, readVaultResult } from './offline-words.ts';

test('progress, a result, an error', () => {
  const progress = readOfflineWord('{"progress":{"operation":"vault","step":"read","doneBytes":"7","new":1}}');
  assert.deepEqual(progress.kind === 'progress' && [progress.progress.step, progress.progress.doneBytes], ['read', 7n]);
  const result = readOfflineWord('{"result":{"pruned":{"snapshots":"3"}}}');
  assert.equal(result.kind === 'result' && readVaultResult(result.result).result.case, 'pruned');
  const other = { reason: 'offline_garbled' };
  assert.throws(() => readVaultResult({ rotated: 1 }), other);
  assert.throws(() => readResult(z.object({ rotated: z.string() }), { rotated: 1 }), other);
  const said = { code: 'permission_denied', reason: 'wrong_key', message: 'no', field: 'vault/keys/', mend: 'another' };
  const error = readOfflineWord(JSON.stringify({ error: said }));
  assert.ok(error.kind === 'error');
  const { code, reason, message, field, mend } = error.error;
  assert.deepEqual({ code, reason, message, field, mend }, said);
});

test('an error of a code that we do not know is a defect, and keeps its words', () => {
  const word = readOfflineWord('{"error":{"code":"toString","reason":"r","message":"m"}}');
  assert.deepEqual(word.kind === 'error' && [word.error.code, word.error.message], ['internal', 'm']);
});

test('whatever a line holds, it is a word or an error that shows the line', () => {
  const lines = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ progress: fc.jsonValue() }).map((word) => JSON.stringify(word)),
    fc.record({ result: fc.jsonValue() }).map((word) => JSON.stringify(word)),
    fc.record({ error: fc.jsonValue() }).map((word) => JSON.stringify(word)),
  );
  fc.assert(
    fc.property(lines, (line) => {
      try {
        assert.match(readOfflineWord(line).kind, /^(progress|result|error)$/);
      } catch (thrown) {
        assert.ok(thrown instanceof OpenCraneError && thrown.reason === 'offline_garbled', String(thrown));
      }
    }),
  );
});
