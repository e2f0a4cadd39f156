import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareVersions, neighbours } from './versions.ts';

const orders: readonly { reason: string; older: string; newer: string }[] = [
  { reason: 'a hotfix comes after its release, where SemVer has it before', older: '2026.7.1', newer: '2026.7.1-2' },
  { reason: 'hotfixes count up, not by letters', older: '2026.7.1-2', newer: '2026.7.1-10' },
  { reason: 'a beta comes before its release', older: '2026.7.1-beta.3', newer: '2026.7.1' },
  { reason: 'numbers are numbers', older: '2026.9.6', newer: '2026.10.1' },
  { reason: 'the next release comes after every hotfix of the one before', older: '2026.7.1-9', newer: '2026.7.2' },
];
for (const { reason, older, newer } of orders) {
  test(reason, () => {
    assert.ok(compareVersions(older, newer) < 0);
    assert.ok(compareVersions(newer, older) > 0);
  });
}

const part = fc.nat(30);
const version = fc
  .tuple(part, part, part, fc.constantFrom('', '-1', '-2', '-beta.1', '-beta.2'))
  .map(([year, month, patch, suffix]) => `${2020 + year}.${month}.${patch}${suffix}`);

test('it is an order: no two ways round, and no circle', () => {
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(Math.sign(compareVersions(a, b)), -Math.sign(compareVersions(b, a)));
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
      assert.equal(compareVersions(a, b) === 0, a === b);
    }),
  );
});

test('what is suggested for a version nobody published stands around it', () => {
  assert.deepEqual(neighbours('2026.3.15', ['2026.3.22', '2026.3.13', '2026.9.6', '2026.3.1']), [
    '2026.3.1',
    '2026.3.13',
    '2026.3.22',
  ]);
});
