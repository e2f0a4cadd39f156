import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { refusePlainSecrets, SecretMask } from './secret-mask.ts';

const layer: JsonObject = {
  channels: { x: { accounts: [{ botToken: 'one' }, { botToken: 'two' }], password: 1234 } },
  logging: { level: 'debug' },
};

test('a mask shows which secrets are the same, and nothing of them', () => {
  const mask = new SecretMask('a key');
  const shown = mask.mask(layer);
  assert.doesNotMatch(JSON.stringify(shown), /"one"|"two"|1234[^_]/);
  assert.deepEqual(shown['logging'], { level: 'debug' });
  assert.deepEqual(mask.mask(layer), shown);
  assert.notDeepEqual(mask.mask({ ...layer, channels: { x: { password: 1235 } } }), shown);
  assert.notDeepEqual(new SecretMask('another').mask(layer), shown, 'a coordinator with another key has other marks');
});

test('an edited document has its secrets back, wherever they were moved to, and as they were written', () => {
  const mask = new SecretMask('a key');
  const { accounts, password } = (mask.mask(layer) as { channels: { x: { accounts: JsonObject[]; password: string } } })
    .channels.x;
  const edited = { channels: { x: { accounts: accounts.toReversed() }, y: { password } }, logging: { level: 'info' } };
  assert.deepEqual(mask.unmask(edited, layer), {
    channels: { x: { accounts: [{ botToken: 'two' }, { botToken: 'one' }] }, y: { password: 1234 } },
    logging: { level: 'info' },
  });
});

test('marks outlast the process that made them, as its key does', () => {
  const shown = new SecretMask('a key').mask(layer);
  assert.deepEqual(new SecretMask('a key').unmask(shown, layer), layer);
  assert.throws(() => new SecretMask('another').unmask(shown, layer), { reason: 'secret_unknown' });
});

test('a mark that is none of the layer’s is refused: it would become the secret', () => {
  const mask = new SecretMask('a key');
  const stolen = mask.mask({ channels: { x: { token: 'of another layer' } } });
  assert.throws(() => mask.unmask(stolen, layer), { reason: 'secret_unknown', field: 'channels.x.token' });
});

const changes = [
  {
    reason: 'a secret that is added is refused by its path',
    after: { gateway: { password: 'new' } },
    field: 'gateway.password',
  },
  { reason: 'one that was there stays editable around', after: { ...layer, ui: { a: 1 } }, field: undefined },
  {
    reason: 'another value for one that was there is refused',
    after: { channels: { x: { password: 9999 } } },
    field: 'channels.x.password',
  },
  {
    reason: 'a reference is no secret',
    after: { gateway: { password: { source: 'file', provider: 'p', id: 'i' } } },
    field: undefined,
  },
] as const;

for (const { reason, after, field } of changes) {
  test(reason, () => {
    if (field === undefined) refusePlainSecrets(layer, after);
    else assert.throws(() => refusePlainSecrets(layer, after), { reason: 'secret_in_clear', field });
  });
}
