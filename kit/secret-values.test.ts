import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSecretPlace, mapSecrets, secretsOf, withoutSecrets } from './secret-values.ts';

/** How a configuration refers to a variable. */
const reference = `\${OPENCLAW_GATEWAY_TOKEN}`;

const places = [
  { reason: 'a provider’s key', path: 'models.providers.x.apiKey', secret: true },
  { reason: 'a header, whatever it is called', path: 'models.providers.x.headers.X-Org', secret: true },
  { reason: 'the value of an authentication', path: 'tools.media.models.0.request.auth.value', secret: true },
  { reason: 'a private key of TLS', path: 'models.providers.x.request.tls.key', secret: true },
  { reason: 'an element of a list of tokens', path: 'channels.x.botToken.0', secret: true },
  { reason: 'a variable with a telling name', path: 'env.vars.OPENAI_API_KEY', secret: true },
  { reason: 'a limit of tokens is no token', path: 'models.providers.x.models.0.maxTokens', secret: false },
  { reason: 'how one signs in is no secret', path: 'gateway.auth.mode', secret: false },
  { reason: 'a key that is only called key', path: 'bindings.0.key', secret: false },
  { reason: 'what a reference names', path: 'models.providers.x.apiKey.source', secret: false },
  { reason: 'a value outside of an authentication', path: 'ui.value', secret: false },
] as const;

for (const { reason, path, secret } of places) {
  test(reason, () => assert.equal(isSecretPlace(path.split('.')), secret));
}

const document = {
  gateway: { auth: { token: reference, password: 123_456 } },
  models: {
    providers: { a: { apiKey: 'sk-abc' }, b: { apiKey: { source: 'file', provider: 'p', id: '/k' } } },
    list: [{ headers: { one: 'sk-abcdef', none: '' } }],
  },
};

test('every secret is replaced, references and all else stay', () => {
  assert.deepEqual(
    mapSecrets(document, ({ path }) => `at ${path.join('.')}`),
    {
      gateway: { auth: { token: reference, password: 'at gateway.auth.password' } },
      models: {
        providers: {
          a: { apiKey: 'at models.providers.a.apiKey' },
          b: { apiKey: { source: 'file', provider: 'p', id: '/k' } },
        },
        list: [{ headers: { one: 'at models.list.0.headers.one', none: '' } }],
      },
    },
  );
});

test('a text that quotes secrets is shown without them, the longer ones first', () => {
  const text = 'a.b: expected number, got {"one":"sk-abcdef","two":"sk-abc","pin":123456}';
  assert.equal(
    withoutSecrets(text, document),
    'a.b: expected number, got {"one":"(secret)","two":"(secret)","pin":(secret)}',
  );
});

test('whatever the document, none of its secrets is in what is shown', () => {
  const key = fc.constantFrom('apiKey', 'token', 'name', 'headers', '0', 'mode', 'password');
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.string({ minLength: 6 }),
      fc.integer(),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(key, tree, { maxKeys: 4 }), (any) => {
      const shown = mapSecrets(any as object as typeof document, () => null);
      assert.deepEqual(secretsOf(shown), []);
    }),
  );
});
