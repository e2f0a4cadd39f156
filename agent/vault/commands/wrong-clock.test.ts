/** A clock that was 400 days ahead for one snapshot: what is listed, what a time finds, and what is kept. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { VaultCommandSchema, type VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { History, never } from '../testing-history.ts';
import { carryOutVaultCommand } from './carry-out.ts';
import { portsOf } from './testing.ts';

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const AHEAD = 400 * DAY;

type Command = NonNullable<MessageInitShape<typeof VaultCommandSchema>['command']>;

async function run(history: History, command: Command): Promise<VaultResult['result']> {
  const message = create(VaultCommandSchema, { command });
  return (await carryOutVaultCommand(message, portsOf(history), never)).result;
}

/** Snapshots a minute apart; the third by a clock that is ahead. The truth about each. */
async function withClockAhead(): Promise<{ history: History; truth: bigint[] }> {
  const history = await History.inMemory();
  const truth: bigint[] = [];
  for (let number = 1; number <= 5; number += 1) {
    history.write('file', `${number}`);
    const offset = number === 3 ? AHEAD : 0;
    history.clock.millis += offset;
    await history.snapshot();
    history.clock.millis -= offset;
    truth.push(BigInt(history.clock.millis));
  }
  return { history, truth };
}

test('its time is between those around it, which are what they were, and it is said', async () => {
  const { history, truth } = await withClockAhead();
  after(() => history.end());
  const list = await run(history, { case: 'list', value: {} });
  assert.ok(list.case === 'list');
  const told = list.value.snapshots.toReversed();
  const [first, second, , fourth, fifth] = truth;
  assert.deepEqual(
    told.map(({ takenAtMillis }) => takenAtMillis),
    [first, second, fourth, fourth, fifth],
  );
  const said = (truth[2] ?? 0n) + BigInt(AHEAD);
  assert.deepEqual(
    told.map(({ clockMillis }) => clockMillis),
    [0n, 0n, said, 0n, 0n],
  );
  assert.ok(
    told.every(({ takenAtMillis }) => takenAtMillis <= BigInt(history.clock.millis)),
    'none is of the future',
  );
});

test('a time finds what was newest then', async () => {
  const { history, truth } = await withClockAhead();
  after(() => history.end());
  for (const [at, sequence] of [1, 2, undefined, 4, 5].entries()) {
    if (sequence === undefined) continue;
    const value = truth[at] ?? 0n;
    const into = history.path(`into-${sequence}`);
    const restored = await run(history, {
      case: 'restore',
      value: { snapshot: { choice: { case: 'atMillis', value } }, into },
    });
    assert.ok(restored.case === 'restored');
    assert.equal(restored.value.snapshot?.sequence, BigInt(sequence));
  }
});

test('a retention removes it when its time has come, and nothing sooner because of it', async () => {
  const { history } = await withClockAhead();
  after(() => history.end());
  const prune = async () => {
    const pruned = await run(history, { case: 'prune', value: { retention: 'all=1d,hourly=2d,daily=3d' } });
    assert.ok(pruned.case === 'pruned');
    return pruned.value;
  };
  assert.equal((await prune()).snapshots, 0n);
  for (let hours = 0; hours < 10 * 24; hours += 5) {
    history.write('file', `${hours} hours later`);
    history.clock.millis += 5 * HOUR - MINUTE;
    await history.snapshot();
  }
  const { notes } = await prune();
  assert.deepEqual(notes, []);
  const list = await run(history, { case: 'list', value: {} });
  assert.ok(list.case === 'list');
  const oldest = Number(list.value.snapshots.at(-1)?.takenAtMillis);
  assert.ok(history.clock.millis - oldest < 4 * DAY, `${(history.clock.millis - oldest) / DAY} days old`);
});
