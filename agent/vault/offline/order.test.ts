import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isArchiveOnStandardOutput, parseOrder } from './order.ts';

const vault = ['--bucket', '/bucket', '--key-file', 'key'];
const exporting = [...vault, '--command', '{"export":{"snapshot":{"newest":true}}}'];

test('an order says where the vault is, what opens it and what to do', () => {
  const order = parseOrder([...vault, '--command', '{"verify":{"snapshot":{"sequence":"7"}}}']);
  assert.deepEqual(order.bucket, { kind: 'folder', path: '/bucket' });
  assert.deepEqual([order.keyFile, order.archive], ['key', undefined]);
  assert.ok(order.what.do === 'command' && order.what.command.command.case === 'verify');
  assert.deepEqual(order.what.command.command.value.snapshot?.choice, { case: 'sequence', value: 7n });
});

test('a rotation names the new key’s file', () => {
  assert.deepEqual(parseOrder([...vault, '--rotate-to', 'new']).what, { do: 'rotate', newKeyFile: 'new' });
});

test('a recovery names a snapshot, or the newest good one', () => {
  assert.deepEqual(parseOrder([...vault, '--recover', 'newest']).what, { do: 'recover', sequence: undefined });
  assert.deepEqual(parseOrder([...vault, '--recover', '41']).what, { do: 'recover', sequence: 41 });
});

test('a look and a removal take no word; a removal may name the disk of who had the tenant', () => {
  assert.deepEqual(parseOrder([...vault, '--look']).what, { do: 'look' });
  const removal = parseOrder([...vault, '--remove', '--disk', '/data/agent/disk']);
  assert.deepEqual([removal.what, removal.diskFile], [{ do: 'remove' }, '/data/agent/disk']);
});

test('an archive goes to a file or to standard output', () => {
  assert.deepEqual(parseOrder([...exporting, '--output', 'a.tar']).archive, { to: 'file', path: 'a.tar' });
  for (const output of [['--output', '-'], ['--output=-']]) {
    assert.deepEqual(parseOrder([...exporting, ...output]).archive, { to: 'standard output' });
    assert.equal(isArchiveOnStandardOutput([...exporting, ...output]), true);
  }
  assert.equal(isArchiveOnStandardOutput(exporting), false);
});

const wrong: { reason: string; words: string[]; error: string; field?: string }[] = [
  { reason: 'without anything to do', words: vault, error: 'usage' },
  {
    reason: 'with two things to do',
    words: [...vault, '--command', '{"list":{}}', '--rotate-to', 'x'],
    error: 'usage',
  },
  { reason: 'to recover what is no number', words: [...vault, '--recover', '0'], error: 'usage' },
  { reason: 'to look and to remove', words: [...vault, '--look', '--remove'], error: 'usage' },
  { reason: 'without a bucket', words: ['--key-file', 'key', '--command', '{"list":{}}'], error: 'usage' },
  { reason: 'without a key file', words: ['--bucket', '/b', '--command', '{"list":{}}'], error: 'usage' },
  {
    reason: 'with an address that is none',
    words: ['--bucket', 'b', '--key-file', 'key', '--command', '{"list":{}}'],
    error: 'bucket_address_invalid',
  },
  { reason: 'with a command that is no JSON', words: [...vault, '--command', '{'], error: 'command_garbled' },
  {
    reason: 'with a command that nobody knows',
    words: [...vault, '--command', '{"make":{}}'],
    error: 'command_garbled',
  },
  {
    reason: 'with a command against the contract',
    words: [...vault, '--command', '{"list":{"limit":5000}}'],
    error: 'message_invalid',
    field: 'list.limit',
  },
  {
    reason: 'with a command that lacks a snapshot',
    words: [...exporting.slice(0, -1), '{"export":{}}', '--output', 'x'],
    error: 'message_invalid',
  },
  { reason: 'with an export to nowhere', words: exporting, error: 'usage' },
  {
    reason: 'with an output of no export',
    words: [...vault, '--command', '{"list":{}}', '--output', 'x'],
    error: 'usage',
  },
  { reason: 'with an option that nobody knows', words: [...vault, '--key', 'abc'], error: 'usage' },
];

for (const { reason, words, error, field } of wrong) {
  test(`an order ${reason} is refused, with the way to mend it`, () => {
    assert.throws(
      () => parseOrder(words),
      (thrown) => {
        assert.ok(
          thrown instanceof Error && 'reason' in thrown && 'mend' in thrown && 'code' in thrown && 'field' in thrown,
        );
        assert.deepEqual([thrown.code, thrown.reason], ['invalid_argument', error]);
        assert.notEqual(thrown.mend, '');
        if (field !== undefined) assert.equal(thrown.field, field);
        return true;
      },
    );
  });
}
