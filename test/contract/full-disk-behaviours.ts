/** A disk without any room: what a gateway does while it is full, and when it has room again. */
import assert from 'node:assert/strict';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import type { OpenClawKind } from '../fixtures/openclaw-under-test.ts';
import type { SmallDisk } from '../fixtures/small-disk.ts';
import type { RawGateway } from './raw-gateway.ts';
import { Subject } from './subject.ts';

const TURN_MILLIS = 180_000;

/** It lives on and says that it is ready; a turn that it cannot write ends in an error, and later ones end well again. */
export async function assertOutlivesFullDisk(kind: OpenClawKind, disk: SmallDisk): Promise<void> {
  const [subject, model] = [await Subject.make(kind, disk.folder), await ModelStandIn.listen()];
  try {
    subject.write(subject.configuration(model.configuration()));
    const gateway = await subject.started();
    const client = await subject.signIn();
    assert.equal(await takeTurn(client, 'before'), 'ok');
    disk.fill();
    assert.equal(await takeTurn(client, 'while it is full'), 'error');
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

async function takeTurn(client: RawGateway, message: string): Promise<unknown> {
  const { runId } = await client.get('chat.send', { sessionKey: 'main', message, idempotencyKey: crypto.randomUUID() });
  return (await client.get('agent.wait', { runId, timeoutMs: TURN_MILLIS }))['status'];
}
