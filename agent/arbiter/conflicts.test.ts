import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Conduct, conductOf, type Party, sights, uses } from './conflicts.ts';

/** One row for each that is there, one column for each that comes: together, waits, interrupts, refused. */
const matrix = `
              restore exchange start snapshot prune remove read starting upgrade doubt
  restore        r       .       .      .       .     .     .      .        .      .
  exchange       .       w       w      w       w     .     .      .        .      .
  start          .       w       w      w       .     .     .      .        .      .
  snapshot       .       i       i      .       .     .     .      i        .      .
  prune          .       .       .      .       w     .     .      .        .      .
  remove         .       .       .      .       .     w     w      .        .      .
  read           .       .       .      .       .     w     .      .        .      .
  starting       .       .       .      w       .     .     .      .        .      .
  upgrade        w       .       .      .       w     .     .      .        .      .
  doubt          r       .       r      r       .     .     .      .        .      .
`;

const meanings: Readonly<Record<string, Conduct>> = { '.': 'together', w: 'waits', i: 'interrupts', r: 'refused' };

test('every pair of parties has a decision, and it is this one', () => {
  const [head = [], ...rows] = matrix
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const parties: readonly Party[] = [...uses, ...sights];
  assert.deepEqual(head, parties);
  const decided = parties.flatMap((held) => parties.map((comes) => [held, comes, conductOf(held, comes)]));
  const expected = rows.flatMap(([held, ...cells]) =>
    cells.map((cell, at) => [held, head[at], meanings[cell] ?? `no such letter: ${cell}`]),
  );
  assert.deepEqual(decided, expected);
});

test('nobody is refused what they could get by waiting, but for a second restore', () => {
  const refused = uses.flatMap((held) => uses.filter((comes) => conductOf(held, comes) === 'refused'));
  assert.deepEqual(refused, ['restore']);
});
