/** `config.get` and `config.patch`: what is told, what is merged, what is refused and in which words. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { versions } from '../fixtures/runtime-seed.ts';
import { type Behaviour, configOf, patchOf, valueAt, type World } from './world.ts';

const levels = '"silent", "fatal", "error", "warn", "info", "debug", "trace"';

/** A provider with models of these ids, and a secret. */
const provider = (...ids: string[]) => ({
  models: {
    providers: {
      'my.provider': {
        baseUrl: 'http://127.0.0.1:9/v1',
        api: 'openai-completions',
        apiKey: 'a-secret-that-answers-hide',
        models: ids.map((id) => ({ id, name: id })),
      },
    },
  },
});
const list = 'models.providers.my.provider.models';

/** Patches, and what came of it. */
async function patched(world: World, patch: object, replacePaths: readonly string[] = []) {
  return world.client.get('config.patch', await patchOf(world, patch, replacePaths));
}

const modelIds = async (world: World) => {
  const models = valueAt((await configOf(world)).parsed, 'models.providers') as Record<
    string,
    { models: { id: string }[] }
  >;
  return models['my.provider']?.models.map(({ id }) => id);
};

/** Patches that are refused because of what they say. */
const invalid: readonly {
  readonly reason: string;
  readonly patch: object;
  readonly words: string;
  readonly path: string;
}[] = [
  {
    reason: 'a word that is none of those allowed: all of them are told',
    patch: { logging: { level: 'nonsense' } },
    words: `logging.level: Invalid input (allowed: ${levels})`,
    path: 'logging.level',
  },
  {
    reason: 'a value of another type',
    patch: { agents: { defaults: { timeoutSeconds: 'soon' } } },
    words: 'agents.defaults.timeoutSeconds: Invalid input: expected number, received string',
    path: 'agents.defaults.timeoutSeconds',
  },
  {
    reason: 'a variable beside `vars`, where they stand',
    patch: { env: { BUILD: '007' } },
    words: 'env: Unrecognized key: "BUILD"',
    path: 'env',
  },
  {
    reason: 'a variable that is a number',
    patch: { env: { vars: { BUILD: 7 } } },
    words: 'env.vars.BUILD: Invalid input: expected string, received number',
    path: 'env.vars.BUILD',
  },
  {
    reason: 'a key of the root that is not known: the path is empty',
    patch: { noSuchSection: { key: 1 } },
    words: '<root>: Unrecognized key: "noSuchSection"',
    path: '',
  },
  {
    reason: 'a key further down that is not known: the path is its parent’s',
    patch: { agents: { defaults: { noSuchKey: 1 } } },
    words: 'agents.defaults: Unrecognized key: "noSuchKey"',
    path: 'agents.defaults',
  },
  {
    reason: 'two values that are wrong: both are told',
    patch: { agents: { defaults: { timeoutSeconds: 'soon', maxConcurrent: 'some' } } },
    words:
      'agents.defaults.timeoutSeconds: Invalid input: expected number, received string; agents.defaults.maxConcurrent: Invalid input: expected number, received string',
    path: 'agents.defaults.timeoutSeconds',
  },
];

export const patchBehaviours: readonly Behaviour[] = [
  {
    reason: 'config.get: a valid file has no issues, and what is in effect is what it says',
    async holds(world) {
      const { valid, issues, hash, configRevisionHash, appliedConfigHash } = await configOf(world);
      assert.deepEqual({ valid, issues }, { valid: true, issues: [] });
      assert.match(hash, /^hmac-sha256:v1:/);
      assert.equal(configRevisionHash, appliedConfigHash);
      assert.notEqual(configRevisionHash, null);
    },
  },
  {
    reason: 'config.get: variables stand as written in `parsed`, replaced in `resolved`, and the token is hidden there',
    async holds(world) {
      const { parsed, resolved, config } = await configOf(world);
      assert.equal(valueAt(parsed, 'logging.file'), '$' + '{OPENCRANE_OPENCLAW_LOG}');
      assert.equal(valueAt(parsed, 'gateway.auth.token'), '$' + '{OPENCLAW_GATEWAY_TOKEN}');
      assert.match(String(valueAt(resolved, 'logging.file')), /openclaw-own\.log$/);
      for (const each of [resolved, config]) assert.equal(valueAt(each, 'gateway.auth.token'), '__OPENCLAW_REDACTED__');
    },
  },
  {
    reason: 'config.get: `config` has the values that hold for what is not written',
    async holds(world) {
      const { config, parsed } = await configOf(world);
      assert.equal(valueAt(parsed, 'agents.defaults.maxConcurrent'), undefined);
      assert.equal(valueAt(config, 'agents.defaults.maxConcurrent'), 8);
      assert.equal(valueAt(config, 'messages.ackReactionScope'), 'group-mentions');
    },
  },
  {
    reason:
      'a hot key: in the file, in effect at once, with the hash that the next patch is based on, in the same process',
    async holds(world) {
      const before = await configOf(world);
      const answer = await patched(world, { agents: { defaults: { timeoutSeconds: 601 } } });
      assert.equal(answer['ok'], true);
      assert.deepEqual(answer['changedPaths'], ['agents.defaults.timeoutSeconds']);
      assert.equal(valueAt(answer, 'sentinel.payload.stats.requiresRestart'), false);
      const now = await configOf(world);
      assert.equal(answer['hash'], now.hash);
      assert.notEqual(now.hash, before.hash);
      assert.equal(now.appliedConfigHash, now.configRevisionHash);
      assert.notEqual(now.appliedConfigHash, before.appliedConfigHash);
      assert.equal(valueAt(now.config, 'agents.defaults.timeoutSeconds'), 601);
      assert.equal(valueAt(world.subject.read(), 'agents.defaults.timeoutSeconds'), 601);
      assert.equal((await world.client.get('system.info', {}))['pid'], world.gateway.pid);
    },
  },
  {
    reason: 'OpenClaw notes its version in a file that it writes, and keeps variables and secrets as they were written',
    async holds({ subject, model }) {
      const file = subject.read();
      assert.equal(valueAt(file, 'meta.lastTouchedVersion'), versions.current);
      assert.equal(valueAt(file, 'logging.file'), '$' + '{OPENCRANE_OPENCLAW_LOG}');
      assert.equal(
        valueAt(file, 'models.providers.stand-in.apiKey'),
        model.configuration().models.providers['stand-in'].apiKey,
      );
    },
  },
  {
    reason: 'a patch that changes nothing is no write',
    async holds(world) {
      const before = readFileSync(world.subject.configFile, 'utf8');
      const answer = await patched(world, { agents: { defaults: { timeoutSeconds: 601 } } });
      assert.deepEqual([answer['ok'], answer['noop'], answer['changedPaths']], [true, true, []]);
      assert.equal(readFileSync(world.subject.configFile, 'utf8'), before);
    },
  },
  {
    reason: 'a patch that is based on an older file is refused, in the words by which it is tried again',
    async holds({ client }) {
      const params = { raw: '{"logging":{"level":"warn"}}', baseHash: 'another', replacePaths: [] };
      const { code, message } = await client.refusal('config.patch', params);
      assert.equal(code, 'INVALID_REQUEST');
      assert.equal(message, 'config changed since last load; re-run config.get and retry');
    },
  },
  {
    reason: 'a patch that is based on nothing is refused',
    async holds({ client }) {
      const { code, message } = await client.refusal('config.patch', { raw: '{"logging":{"level":"warn"}}' });
      assert.equal(code, 'INVALID_REQUEST');
      assert.equal(message, 'config base hash required for logging.level; re-run config.get and retry with baseHash');
    },
  },
  ...invalid.map(({ reason, patch, words, path }) => ({
    reason: `refused, and nothing written: ${reason}`,
    async holds(world: World) {
      const before = readFileSync(world.subject.configFile, 'utf8');
      const { code, message, details } = await world.client.refusal('config.patch', await patchOf(world, patch));
      assert.equal(code, 'INVALID_REQUEST');
      assert.equal(message, `invalid config: ${words}`);
      const issues = details?.['issues'] as { path: string }[] | undefined;
      assert.equal(issues?.[0]?.path, path);
      assert.equal(readFileSync(world.subject.configFile, 'utf8'), before);
    },
  })),
  {
    reason: 'what is no patch is refused: nothing, no JSON, a list',
    async holds(world) {
      const { hash } = await configOf(world);
      const words = async (raw: unknown) =>
        (await world.client.refusal('config.patch', { raw, baseHash: hash })).message;
      assert.match(await words(undefined), /^invalid config\.patch params: must have required property 'raw'/);
      assert.equal(await words('{ no'), 'SyntaxError: JSON5: invalid end of input at 1:5');
      assert.equal(await words('[]'), 'config.patch raw must be an object');
    },
  },
  {
    reason: 'a secret is hidden wherever the configuration is told',
    async holds(world) {
      await patched(world, provider('one', 'two'));
      const { raw, parsed, resolved, config } = await configOf(world);
      assert.match(readFileSync(world.subject.configFile, 'utf8'), /a-secret-that-answers-hide/);
      for (const told of [raw, parsed, resolved, config]) {
        assert.doesNotMatch(JSON.stringify(told), /a-secret-that-answers-hide/);
        assert.match(JSON.stringify(told), /__OPENCLAW_REDACTED__/);
      }
    },
  },
  {
    reason: 'a list of things with ids is merged by id',
    async holds(world) {
      await patched(world, provider('three'));
      assert.deepEqual(await modelIds(world), ['one', 'two', 'three']);
    },
  },
  {
    reason: 'a list that is named in replacePaths is replaced',
    async holds(world) {
      const answer = await patched(world, provider('three'), [list]);
      assert.deepEqual(answer['changedPaths'], [list]);
      assert.deepEqual(await modelIds(world), ['three']);
    },
  },
  {
    reason: 'a section with a list in it goes only when that is named',
    async holds(world) {
      const gone = { models: { providers: { 'my.provider': null } } };
      const { message } = await world.client.refusal('config.patch', await patchOf(world, gone));
      assert.match(message, new RegExp(`^config\\.patch would remove entries from array path\\(s\\): ${list}\\.`));
      assert.deepEqual(await modelIds(world), ['three']);
      const answer = await patched(world, gone, [list]);
      assert.deepEqual(answer['changedPaths'], ['models.providers.my.provider']);
      assert.equal(await modelIds(world), undefined);
    },
  },
  {
    reason: 'a model’s provider is written in lower case, whatever was asked for',
    async holds(world) {
      await patched(world, { agents: { defaults: { model: 'Anthropic/Some-Model' } } });
      assert.equal(valueAt(world.subject.read(), 'agents.defaults.model'), 'anthropic/Some-Model');
      await patched(world, { agents: world.model.configuration().agents });
    },
  },
];
