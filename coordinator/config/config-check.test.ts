import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isJsonObject, type JsonObject } from '@opencrane/kit/canonical-json.ts';
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Scope } from '../revisions/scope.ts';
import { onEachDatabase } from '../store/testing.ts';
import { assemble } from '../tenants/testing.ts';
import { ConfigCheck } from './config-check.ts';
import { LayerWriter } from './layer-writer.ts';
import type { ConfigJudge, Judgement } from './ports.ts';

const organisation: Scope = { kind: 'organisation' };
const tenant = (name: string): Scope => ({ kind: 'tenant', name });

/** A version that knows one key, `known`, which must not be a string; `new` is known only by version 2. */
class FakeJudge implements ConfigJudge {
  readonly asked: string[] = [];
  readonly unknownVersions = new Set<string>();

  async judge(document: JsonObject, version: string): Promise<Judgement> {
    const { gateway, update, logging, ...rest } = document;
    assert.ok(isJsonObject(gateway) && isJsonObject(update) && isJsonObject(logging), 'what the agent adds is there');
    this.asked.push(`${version} ${JSON.stringify(rest)}`);
    if (this.unknownVersions.has(version)) return { state: 'unknown', why: 'it is not built yet' };
    const issues = Object.entries(rest).flatMap(([key, value]) => {
      if (key !== 'known' && !(key === 'new' && version === '2')) {
        return [{ path: '', message: `Unrecognized key: "${key}"` }];
      }
      return typeof value === 'string' ? [{ path: key, message: 'expected number, received string' }] : [];
    });
    return { state: 'judged', issues };
  }
}

onEachDatabase((database) => {
  async function start(
    t: Parameters<typeof database.store>[0],
    versions: Record<string, readonly string[]>,
    pinned: readonly string[] = [],
  ) {
    const inside = await assemble(await database.store(t));
    for (const name of Object.keys(versions)) await inside.addTenant(name, name.startsWith('crew') ? 'crew' : '');
    const judge = new FakeJudge();
    const served = {
      versionsOf: async (all: readonly { name: string }[]) => all.map(({ name }) => versions[name] ?? pinned),
    };
    const check = new ConfigCheck({ judge, versions: served, revisions: inside.revisions, tenants: inside.tenants });
    const writer = new LayerWriter({ ...inside, check });
    const write = (scope: Scope, payload: JsonObject, skipCheck = false) =>
      writer.write(
        scope,
        { reason: '', expectedRevision: 0n, expectUnwritten: false, skipCheck, plainSecrets: false },
        'admin',
        {
          apply: () => payload,
          summary: 'a change',
          action: 'config.replace',
        },
      );
    const refused = async (scope: Scope, payload: JsonObject): Promise<OpenCraneError> =>
      write(scope, payload).then(
        () => assert.fail('it was not refused'),
        (error) => error,
      );
    return { ...inside, judge, write, refused };
  }

  test('a refused change makes no revision and no audit entry, and says path, version and whose', async (t) => {
    const { refused, revisions, audit } = await start(t, { jente: ['1'], noor: ['1'] });
    const error = await refused(organisation, { known: 'x' });
    assert.deepEqual([error.code, error.reason, error.field], ['invalid_argument', 'config_refused', 'known']);
    assert.match(error.message, /OpenClaw 1, which jente and 1 more should serve with it, refuses it: known: expected/);
    assert.equal(await revisions.latest(organisation, 'config'), undefined);
    assert.deepEqual(await audit.list({ target: '', beforeId: 0, limit: 10 }), []);
  });

  test('each version that tenants of the layer serve is asked, once for all who share document and version', async (t) => {
    const { refused, write, judge } = await start(t, { a: ['1'], b: ['2'], c: ['2'], d: ['1', '2'] });
    assert.match((await refused(organisation, { new: 1 })).message, /OpenClaw 1, which a and 1 more/);
    judge.asked.length = 0;
    await write(organisation, { known: 1 });
    assert.deepEqual(judge.asked.toSorted(), ['1 {"known":1}', '2 {"known":1}']);
    await write(tenant('c'), { new: 1 });
  });

  test('a layer is checked as it comes out in the tenants’ own', async (t) => {
    const { refused, write } = await start(t, { jente: ['1'], 'crew-a': ['1'] });
    await write(organisation, { known: 1 });
    await write({ kind: 'team', name: 'crew' }, { known: 2 });
    assert.equal((await refused({ kind: 'team', name: 'crew' }, { known: 'x' })).field, 'known');
    // Above a team that says otherwise it is only jente who would get it.
    assert.match((await refused(organisation, { known: 'x' })).message, /which jente should serve/);
  });

  test('what was bad before does not hold up what is good, or what mends a part of it', async (t) => {
    const { refused, write } = await start(t, { jente: ['1'] });
    await write(organisation, { bad: 1, worse: 1 }, true);
    await write(tenant('jente'), { known: 1 });
    await write(organisation, { worse: 1 });
    assert.match((await refused(organisation, { worse: 1, third: 1 })).message, /Unrecognized key: "third"/);
  });

  test('what OpenCrane sets itself is refused before OpenClaw is asked about it, whatever the port', async (t) => {
    const { refused } = await start(t, { jente: ['1'] });
    const error = await refused(tenant('jente'), { gateway: { port: 18_789 } });
    assert.match(error.message, /gateway\.port is set by OpenCrane itself/);
    assert.equal(error.field, 'gateway.port');
  });

  test('a version that nobody here has is told, and the change is written', async (t) => {
    const { write, judge } = await start(t, { jente: ['1'], noor: [] });
    judge.unknownVersions.add('1');
    const written = await write(organisation, { anything: 1 });
    assert.equal(written.changed, true);
    assert.deepEqual(written.unchecked, [
      'not checked against OpenClaw 1: it is not built yet; the agents check it before they apply it',
      'not checked for noor: which OpenClaw it will serve with is not known yet; the agents check it before they apply it',
    ]);
  });

  test('with no tenant below, a layer is judged by the version that is pinned for the first, or it is said that it was not', async (t) => {
    const { write, refused } = await start(t, { jente: ['1'] }, ['2']);
    const research: Scope = { kind: 'team', name: 'research' };
    assert.match(
      (await refused(research, { wrong: 1 })).message,
      /OpenClaw 2, which the first tenant to come should serve with it, refuses it: Unrecognized key: "wrong"/,
    );
    assert.deepEqual((await write(research, { new: 1 })).unchecked, []);
    const nothingPinned = await start(t, {});
    assert.deepEqual((await nothingPinned.write(organisation, { wrong: 1 })).unchecked, [
      'not checked: it concerns no tenant yet, and no version is pinned for those to come; the agents check it before they apply it',
    ]);
  });

  test('of many tenants with layers of their own a bounded number is judged, and the answer says so', async (t) => {
    const names = Array.from({ length: 70 }, (_, at) => `t${at}`);
    const { write, judge } = await start(t, Object.fromEntries(names.map((name) => [name, ['1']])));
    for (const [at, name] of names.entries()) await write(tenant(name), { known: at }, true);
    const { unchecked } = await write(organisation, { known: 100, new: 0 }).catch((error) => error);
    assert.equal(unchecked, undefined, 'it is refused for what the first of them show');
    judge.asked.length = 0;
    const all = await write(organisation, { known: { below: 1 } });
    assert.equal(judge.asked.length, 64);
    assert.deepEqual(all.unchecked, [
      '6 of 70 configurations of tenants were not checked: too many differ; their agents check them',
    ]);
  });

  test('a change made while another one is being checked is made on what that one wrote', async (t) => {
    const { write, revisions } = await start(t, { jente: ['1'] });
    await Promise.all([write(organisation, { known: 1 }), write(organisation, { known: 2 })]);
    assert.deepEqual((await revisions.latest(organisation, 'config'))?.payload, { known: 2 });
  });
});
