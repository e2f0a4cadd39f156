/** Most of the state goes: the snapshot is taken, marked, and the way back stays until a person has spoken. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { Snapshot } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { LossSeen } from '../health/vault-component.ts';
import { TestAgent, TestDisk } from './testing-home.ts';

const NOTHING_BY_AGE = 'all=0h,hourly=0h,daily=0d';
const FILES = 40;

/** A tenant with a database and some files, and the number of the snapshot that has them. */
async function tenant(): Promise<{ disk: TestDisk; agent: TestAgent; good: number }> {
  const disk = new TestDisk();
  for (let at = 0; at < FILES; at += 1) disk.write(`workspace/${at}`, `file ${at}`);
  mkdirSync(join(disk.state, 'state'));
  const database = new DatabaseSync(join(disk.state, 'state/openclaw.sqlite'));
  database.exec('CREATE TABLE conversation (said TEXT)');
  database.close();
  const agent = await TestAgent.on(disk);
  await agent.boot();
  return { disk, agent, good: await agent.take() };
}

function empty(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
}

function lossOf({ residence }: TestAgent): LossSeen | undefined {
  return residence.seen.state === 'kept' ? residence.seen.loss : undefined;
}

async function list(agent: TestAgent): Promise<Snapshot[]> {
  const { result } = await agent.order({ case: 'list', value: {} });
  assert.ok(result.case === 'list');
  return result.value.snapshots;
}

const numbers = async (agent: TestAgent) => (await list(agent)).map(({ sequence }) => Number(sequence));

const losses: readonly {
  reason: string;
  lose: (disk: TestDisk, agent: TestAgent) => Promise<void> | void;
  lost: RegExp;
}[] = [
  {
    reason: 'everything is removed',
    lose: ({ state }) => empty(state),
    lost: /^OpenClaw's database, 1 of 1 databases, 41 of 41 files$/,
  },
  {
    reason: 'the database is cut to nothing',
    lose: ({ state }) => truncateSync(join(state, 'state/openclaw.sqlite'), 0),
    lost: /^OpenClaw's database, 1 of 1 databases, 1 of 41 files$/,
  },
  {
    reason: 'the files go in steps of less than half',
    async lose(disk, agent) {
      for (let at = 0; at < FILES; at += 1) {
        rmSync(join(disk.state, 'workspace', `${at}`));
        if (at % 10 === 9) await agent.take();
      }
    },
    lost: /^40 of 41 files$/,
  },
  {
    reason: 'the files are cut to nothing',
    lose({ state }) {
      for (let at = 0; at < FILES; at += 1) truncateSync(join(state, 'workspace', `${at}`), 0);
    },
    lost: /^40 of 41 files$/,
  },
];

for (const { reason, lose, lost } of losses) {
  test(`${reason}: it is marked, told with the way back, kept through a pruning and a move, and over when it is restored`, async () => {
    const { disk, agent, good } = await tenant();
    await lose(disk, agent);
    await agent.take();
    assert.match(lossOf(agent)?.lost ?? '', lost);
    assert.equal(lossOf(agent)?.full, good);
    const [newest] = await list(agent);
    assert.match(newest?.lost ?? '', lost);
    assert.equal((await list(agent)).find(({ sequence }) => Number(sequence) === good)?.lost, '');
    await agent.order({ case: 'prune', value: { retention: NOTHING_BY_AGE } });
    assert.ok((await numbers(agent)).includes(good), 'the way back is there at any age');
    await agent.stop();

    const other = new TestDisk(disk.bucket);
    const next = await TestAgent.on(other, 2);
    await next.boot();
    assert.match(lossOf(next)?.lost ?? '', lost, 'the other disk knows of it');
    other.write('a note', 'of somebody who goes on');
    await next.take();
    assert.equal(lossOf(next)?.full, good, 'and what is little more does not end it');
    await next.restore(good);
    assert.equal(lossOf(next), undefined);
    assert.equal(other.read(`workspace/${FILES - 1}`), `file ${FILES - 1}`);
    assert.equal((await list(next))[0]?.lost, '');
    await next.stop();
    other.remove();
    disk.remove();
  });
}

test('a loss that was meant is over when a person says so, and the next agent knows it', async () => {
  const { disk, agent } = await tenant();
  empty(disk.state);
  await agent.take();
  const { result } = await agent.order({ case: 'take', value: { acceptLoss: true } });
  assert.ok(result.case === 'taken');
  assert.equal(result.value.unchanged, false, 'it is stored, though nothing else has changed');
  assert.equal(result.value.snapshot?.reason, 'accept');
  assert.equal(lossOf(agent), undefined);
  await agent.stop();
  const after = await TestAgent.on(disk);
  await after.boot();
  assert.equal(lossOf(after), undefined, 'the next agent knows that it was meant');
  await after.stop();
  disk.remove();
});

test('a part that is brought back does not end it: the rest is gone still', async () => {
  const { disk, agent, good } = await tenant();
  empty(disk.state);
  await agent.take();
  await agent.restore(good, 'state');
  assert.equal(lossOf(agent)?.full, good);
  assert.match(lossOf(agent)?.lost ?? '', /^40 of 41 files$/);
  await agent.stop();
  disk.remove();
});

test('a whole snapshot that a person brings back is what they want, however little it has', async () => {
  const disk = new TestDisk();
  disk.write('who', 'the first');
  const agent = await TestAgent.on(disk);
  await agent.boot();
  const first = await agent.take();
  for (let at = 0; at < FILES; at += 1) disk.write(`workspace/${at}`, `file ${at}`);
  await agent.take();
  await agent.restore(first);
  assert.equal(lossOf(agent), undefined);
  await agent.stop();
  disk.remove();
});
