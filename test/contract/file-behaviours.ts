/** The configuration file as others write it, while the gateway runs. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { type Behaviour, type ConfigSeen, configOf, patchOf, valueAt, type World } from './world.ts';

/** Waits until the gateway says so. */
function comes(world: World, fact: string, holds: (config: ConfigSeen) => boolean): Promise<ConfigSeen> {
  const look = async () => {
    const config = await configOf(world);
    return holds(config) && config;
  };
  return awaitFact(fact, look, { withinMillis: 30_000, everyMillis: 50 });
}

const isTaken = ({ valid, appliedConfigHash, configRevisionHash }: ConfigSeen) =>
  valid && appliedConfigHash === configRevisionHash;

/** The document, with another number of seconds. */
function withTimeout({ subject }: World, timeoutSeconds: number): Record<string, unknown> {
  const document = subject.read() as { agents: { defaults: object } };
  document.agents.defaults = { ...document.agents.defaults, timeoutSeconds };
  return document as Record<string, unknown>;
}

const serves = (seconds: number) => (config: ConfigSeen) =>
  isTaken(config) && valueAt(config.config, 'agents.defaults.timeoutSeconds') === seconds;

/** Long enough for the gateway to have looked at a file: it waits for 300 ms of quiet. */
const LOOKED_MILLIS = 1_500;

let good = '';

export const fileBehaviours: readonly Behaviour[] = [
  {
    reason: 'an edit in place is taken by itself, by the same process',
    async holds(world) {
      world.subject.write(withTimeout(world, 602));
      await comes(world, 'the edit is in effect', serves(602));
      assert.equal((await world.client.get('system.info', {}))['pid'], world.gateway.pid);
    },
  },
  {
    reason: 'a file that is moved in its place is taken',
    async holds(world) {
      const draft = `${world.subject.configFile}.draft`;
      writeFileSync(draft, JSON.stringify(withTimeout(world, 603)), { mode: 0o600 });
      renameSync(draft, world.subject.configFile);
      await comes(world, 'the file is in effect', serves(603));
    },
  },
  {
    reason: 'comments and loose commas are no harm: it is JSON5',
    async holds(world) {
      const text = JSON.stringify(withTimeout(world, 604), null, 2);
      good = text.replace('"timeoutSeconds"', '// a comment\n"timeoutSeconds"').replace(/\}\s*$/, ',}');
      world.subject.write(good);
      await comes(world, 'the file is in effect', serves(604));
    },
  },
  {
    reason: 'an edit that is not valid is told with its path, and what was in effect stays so',
    async holds(world) {
      const before = await configOf(world);
      world.subject.write(good.replace('604', '"soon"'));
      const { issues, configRevisionHash } = await comes(world, 'the file is seen', ({ valid }) => !valid);
      assert.deepEqual(issues[0], {
        path: 'agents.defaults.timeoutSeconds',
        message: 'Invalid input: expected number, received string',
      });
      assert.equal(configRevisionHash, null);
      await wait(LOOKED_MILLIS);
      assert.equal((await configOf(world)).appliedConfigHash, before.appliedConfigHash);
      assert.equal(readFileSync(world.subject.configFile, 'utf8'), good.replace('604', '"soon"'), 'it is left alone');
    },
  },
  {
    reason: 'a patch of a file that is not valid is refused, in the words by which it is rewritten instead',
    async holds(world) {
      const params = await patchOf(world, { logging: { level: 'warn' } });
      const { code, message } = await world.client.refusal('config.patch', params);
      assert.equal(code, 'INVALID_REQUEST');
      assert.match(
        message,
        /^invalid config: agents\.defaults\.timeoutSeconds: .*; fix \(openclaw doctor\) before patching$/,
      );
    },
  },
  {
    reason: 'a file that is no JSON5 is told with the place, and has neither text nor document',
    async holds(world) {
      world.subject.write('{ this is not');
      const { parsed, raw, issues } = await comes(world, 'the file is seen', (seen) =>
        /JSON5/.test(seen.issues[0]?.message ?? ''),
      );
      assert.deepEqual({ parsed, raw }, { parsed: null, raw: null });
      assert.deepEqual(issues, [
        { path: '', message: "JSON5 parse failed: SyntaxError: JSON5: invalid character 'i' at 1:8" },
      ]);
    },
  },
  {
    reason: 'a file that is right again is taken again',
    async holds(world) {
      world.subject.write(good);
      await comes(world, 'the file is in effect', serves(604));
    },
  },
];
