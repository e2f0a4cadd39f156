import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ShimUpdate } from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import { Updates } from './updates.ts';

const never = new AbortController().signal;

function updates(patienceMillis = 10) {
  let count = 0;
  return new Updates(() => {
    count += 1;
    return `update-${count}`;
  }, patienceMillis);
}

async function collect(answers: AsyncIterable<{ message: string }>): Promise<string[]> {
  const messages: string[] = [];
  for await (const { message } of answers) messages.push(message);
  return messages;
}

test('answers come back in order and end with the last', async () => {
  const relay = updates();
  relay.onRequest(({ requestId, version }) => {
    relay.answer(requestId, { message: `began ${version}` });
    relay.answer(requestId, { message: 'did it', finished: true });
  });
  assert.deepEqual(await collect(relay.ask('1', never)), ['began 1', 'did it']);
});

test('with no agent it is refused after a while, not left hanging', async () => {
  await assert.rejects(collect(updates().ask('', never)), { code: 'unavailable', reason: 'agent_not_there' });
});

test('an agent that is there may take longer than one that is not', async () => {
  const relay = updates(5);
  let taken: ShimUpdate | undefined;
  relay.onRequest((update) => {
    taken = update;
  });
  const asking = collect(relay.ask('1', never));
  await new Promise((resolve) => setTimeout(resolve, 30)); // six times the patience with an absent agent
  relay.answer(taken?.requestId ?? '', { message: 'late, but done', finished: true });
  assert.deepEqual(await asking, ['late, but done']);
});

test('an agent that was restarted is told again of what is open', async () => {
  const relay = updates(1_000);
  const seen: string[] = [];
  const off = relay.onRequest(({ requestId }) => seen.push(requestId));
  const asking = collect(relay.ask('1', never));
  off();
  relay.onRequest(({ requestId }) => {
    seen.push(requestId);
    relay.answer(requestId, { message: 'done', finished: true });
  });
  assert.deepEqual(await asking, ['done']);
  assert.deepEqual(seen, ['update-1', 'update-1']);
});

test('who left is not waited for: an answer to them is not found', async () => {
  const relay = updates(1_000);
  relay.onRequest(() => {});
  const leave = new AbortController();
  const asking = collect(relay.ask('1', leave.signal));
  leave.abort();
  await assert.rejects(asking, { name: 'AbortError' });
  assert.throws(() => relay.answer('update-1', { finished: true }), { code: 'not_found' });
});

test('each of two askers gets their own answers', async () => {
  const relay = updates(1_000);
  relay.onRequest(({ requestId, version }) => relay.answer(requestId, { message: version, finished: true }));
  const both = await Promise.all([collect(relay.ask('1', never)), collect(relay.ask('2', never))]);
  assert.deepEqual(both, [['1'], ['2']]);
});
