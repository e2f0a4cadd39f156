import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { HealthSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { ProgressSchema, ReceiptSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Outbox, type OutgoingMessage } from './outbox.ts';

const health = (pid: number) => create(HealthSchema, { gatewayPid: BigInt(pid) });
const receipt = (receiptId: string) => create(ReceiptSchema, { receiptId });

function drain(outbox: Outbox): OutgoingMessage[] {
  const taken: OutgoingMessage[] = [];
  for (let next = outbox.take(() => []); next !== undefined; next = outbox.take(() => [])) taken.push(next);
  return taken;
}

const names = (messages: OutgoingMessage[]) => messages.map((message) => message.case);

test('of health, progress and heartbeats only the newest goes out', () => {
  const outbox = new Outbox();
  for (let count = 0; count < 5; count += 1) {
    outbox.health(health(count));
    outbox.progress(create(ProgressSchema, { doneBytes: BigInt(count) }));
    outbox.heartbeat({ agentRssBytes: BigInt(count) });
  }
  const [first, second, third, ...rest] = drain(outbox);
  assert.deepEqual(first, { case: 'health', value: health(4) });
  assert.deepEqual(second, { case: 'progress', value: create(ProgressSchema, { doneBytes: 4n }) });
  assert.deepEqual(third, { case: 'heartbeat', value: { agentRssBytes: 4n } });
  assert.deepEqual(rest, []);
});

test('receipts go out each, in order, before what is only interesting', () => {
  const outbox = new Outbox();
  outbox.health(health(1));
  for (const id of ['a', 'b', 'c']) outbox.receipt(receipt(id));
  outbox.request({ requestId: 'q', version: '' });
  outbox.result({ commandId: 'c1' });
  const taken = drain(outbox);
  assert.deepEqual(names(taken), ['commandResult', 'receipt', 'receipt', 'receipt', 'runtimeRequest', 'health']);
  assert.deepEqual(
    taken.slice(1, 4),
    ['a', 'b', 'c'].map((id) => ({ case: 'receipt', value: receipt(id) })),
  );
});

test('a new stream is told what the coordinator may not have, and nothing that was meant for the old one', () => {
  const outbox = new Outbox();
  outbox.health(health(1));
  drain(outbox);
  outbox.result({ commandId: 'of the old stream' });
  outbox.heartbeat({ agentRssBytes: 1n });
  outbox.fullState();
  outbox.receipt(receipt('dropped, for the log has it'));
  outbox.restart([receipt('kept')], [{ requestId: 'q', version: '' }]);
  assert.deepEqual(names(drain(outbox)), ['receipt', 'runtimeRequest', 'health']);
});

test('a full state carries the newest health, which then need not go out by itself', () => {
  const outbox = new Outbox();
  outbox.health(health(7));
  outbox.fullState();
  assert.deepEqual(drain(outbox), [{ case: 'fullState', value: { health: health(7), kinds: [] } }]);
});
