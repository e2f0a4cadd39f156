/** A disk without any room: what a gateway does while it is full, and when it has room again. */
import assert from 'node:assert/strict';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import type { OpenClawKind } from '../fixtures/openclaw-under-test.ts';
import type { SmallDisk } from '../fixtures/small-disk.ts';
import type { Answered, RawGateway } from './raw-gateway.ts';
import { Subject } from './subject.ts';

const TURN_MILLIS = 180_000;

/** It lives on and says that it is ready; a turn that it cannot write is refused or ends in an error, and later ones end well again. */
export async function assertOutlivesFullDisk(kind: OpenClawKind, disk: SmallDisk): Promise<void> {
  const [subject, model] = [await Subject.make(kind, disk.folder), await ModelStandIn.listen()];
  try {
    subject.write(subject.configuration(model.configuration()));
    const gateway = await subject.started();
    const client = await subject.signIn();
    assert.equal(await takeTurn(client, 'before'), 'ok');
    disk.fill();
    const { ok, ...refused } = await sayOnFullDisk(client);
    if (!ok) assert.match(JSON.stringify(refused), /"UNAVAILABLE".*database or disk is full/);
    assert.equal((await subject.page('/startupz')).status, 200);
    disk.free();
    await awaitFact('turns end well again', async () => (await takeTurn(client, 'after')) === 'ok', {
      withinMillis: TURN_MILLIS,
    });
    await client.close();
    gateway.kill('SIGTERM');
    assert.deepEqual(await gateway.ended, { code: 0, signal: null }, 'the same process, all along');
  } finally {
    disk.free();
    await subject.remove();
    await model.close();
  }
}

/** A start finds the state's databases unreadable and ends with 78, as for one that is damaged; with room again it starts. */
export async function assertStartsOnceThereIsRoom(kind: OpenClawKind, disk: SmallDisk): Promise<void> {
  const subject = await Subject.make(kind, disk.folder);
  try {
    subject.write(subject.configuration());
    await subject.started();
    await subject.kill();
    disk.fill();
    const gateway = subject.start();
    assert.deepEqual(await gateway.ended, { code: 78, signal: null }, gateway.output().slice(-1_000));
    assert.match(gateway.output(), /Gateway failed to start: .*(disk is full|ENOSPC)/);
    disk.free();
    await subject.started();
  } finally {
    disk.free();
    await subject.remove();
  }
}

/** Whether it takes the message depends on how much of its log for changes was written before; its turn ends badly then. */
async function sayOnFullDisk(client: RawGateway): Promise<Answered> {
  const runId = crypto.randomUUID();
  const message = { sessionKey: 'main', message: 'while it is full', idempotencyKey: runId };
  const answer = await client.ask('chat.send', message);
  if (!answer.ok) return answer;
  const { status } = await client.get('agent.wait', { runId, timeoutMs: TURN_MILLIS });
  assert.equal(status, 'error');
  return answer;
}

async function takeTurn(client: RawGateway, message: string): Promise<unknown> {
  const { runId } = await client.get('chat.send', { sessionKey: 'main', message, idempotencyKey: crypto.randomUUID() });
  return (await client.get('agent.wait', { runId, timeoutMs: TURN_MILLIS }))['status'];
}
