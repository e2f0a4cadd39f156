import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, OpenCraneError } from '@opencrane/kit/errors.ts';
import { toConnectError } from '@opencrane/kit/grpc/status.ts';
import { connect } from './connection/connect.ts';
import { runCli } from './testing.ts';

const refusing = (code: ErrorCode) => ({
  tenants: {
    getTenant() {
      const error = new OpenCraneError(code, 'some_reason', 'what went wrong', { field: 'name', mend: 'do this' });
      throw toConnectError(error, 'answering');
    },
  },
});

const codes = [
  { reason: 'a value that the coordinator refuses is wrong use', code: 'invalid_argument', exitCode: 2 },
  { reason: 'what does not exist', code: 'not_found', exitCode: 3 },
  { reason: 'a token that is not accepted', code: 'unauthenticated', exitCode: 4 },
  { reason: 'what exists already is a conflict', code: 'already_exists', exitCode: 5 },
  { reason: 'a layer that someone else has changed is a conflict', code: 'aborted', exitCode: 5 },
  { reason: 'an agent that is not there', code: 'unavailable', exitCode: 6 },
  { reason: 'a defect', code: 'internal', exitCode: 70 },
] as const;

for (const { reason, code, exitCode } of codes) {
  test(`${reason}: exit code ${exitCode}`, async () => {
    const ran = await runCli(['tenant', 'show', 'jente'], refusing(code));
    assert.equal(ran.exitCode, exitCode);
    assert.equal(ran.out, '');
    assert.equal(ran.errors, 'error: what went wrong\n   at: name\n mend: do this\n');
  });
}

test('with --json an error is one line of JSON on standard error', async () => {
  const ran = await runCli(['tenant', 'show', 'jente', '--json'], refusing('not_found'));
  assert.equal(ran.out, '');
  assert.deepEqual(JSON.parse(ran.errors), {
    error: { code: 'not_found', reason: 'some_reason', message: 'what went wrong', field: 'name', mend: 'do this' },
  });
});

const wrongUses = [
  { reason: 'a noun that does not exist', words: ['tenants', 'list'], says: /unknown command 'tenants'/ },
  { reason: 'a verb that does not exist', words: ['tenant', 'destroy'], says: /unknown command 'destroy'/ },
  {
    reason: 'an option that does not exist',
    words: ['tenant', 'list', '--bad'],
    says: /unknown option '--bad'[\s\S]*--help/,
  },
  { reason: 'a name that is missing', words: ['tenant', 'show'], says: /missing required argument 'name'/ },
  {
    reason: 'a number that is none',
    words: ['audit', 'list', '--limit', 'many'],
    says: /limit: [\s\S]*audit list --help/,
  },
  {
    reason: 'a word that is not one of those allowed',
    words: ['tenant', 'logs', 'x', '--source', 'y'],
    says: /source: /,
  },
  { reason: 'no scope', words: ['config', 'get'], says: /no scope[\s\S]*--org, --team TEAM, --tenant TENANT/ },
  { reason: 'two scopes', words: ['config', 'get', '--org', '--tenant', 'x'], says: /more than one scope/ },
] as const;

for (const { reason, words, says } of wrongUses) {
  test(`${reason} is wrong use`, async () => {
    const ran = await runCli(words, {});
    assert.equal(ran.exitCode, 2);
    assert.match(ran.errors, says);
    assert.equal(ran.out, '');
  });
}

test('without a coordinator the error says how to start one', async () => {
  const ran = await runCli(['status'], {}, { connect, environment: { OPENCRANE_HOME: '/nonexistent' } });
  assert.equal(ran.exitCode, 6);
  assert.match(ran.errors, /no coordinator runs in \/nonexistent[\s\S]*opencrane start/);
});

test('a coordinator that does not answer is unavailable, and the error says where its log is', async () => {
  const environment = { OPENCRANE_SERVER: 'http://127.0.0.1:1', OPENCRANE_TOKEN: 'x' };
  const ran = await runCli(['status'], {}, { connect, environment });
  assert.equal(ran.exitCode, 6);
  assert.match(ran.errors, /does not answer[\s\S]*coordinator\.log/);
});

test('--home goes before OPENCRANE_HOME', async () => {
  const ran = await runCli(
    ['status', '--home', '/elsewhere'],
    {},
    { connect, environment: { OPENCRANE_HOME: '/here' } },
  );
  assert.match(ran.errors, /\/elsewhere/);
});

const mistakes = [
  {
    reason: 'a revision past 64 bits',
    words: ['config', 'diff', 'jente', '--from', '9223372036854775808'],
    exitCode: 2,
  },
  { reason: 'an event past 64 bits', words: ['events', '--after', '99999999999999999999'], exitCode: 2 },
  { reason: 'an audit entry past 64 bits', words: ['audit', 'list', '--before', '9223372036854775808'], exitCode: 2 },
  {
    reason: 'an expected revision past 64 bits',
    words: ['config', 'set', 'a', '1', '--org', '--expected-revision', '9223372036854775808'],
    exitCode: 2,
  },
  { reason: 'a home that is a file', words: ['status', '--home', fileURLToPath(import.meta.url)], exitCode: 2 },
  { reason: 'a home to start that is a file', words: ['start', '--home', fileURLToPath(import.meta.url)], exitCode: 2 },
  { reason: 'an option that there is not', words: ['tenant', 'list', '--nonsense'], exitCode: 2 },
  { reason: 'an argument that is missing', words: ['tenant', 'show'], exitCode: 2 },
  { reason: 'a command that there is not', words: ['tenant', 'lost'], exitCode: 2 },
  { reason: 'a verb that is missing', words: ['tenant'], exitCode: 2 },
] as const;

for (const { reason, words, exitCode } of mistakes) {
  test(`${reason} is a mistake and no defect, for people and as one line of JSON`, async () => {
    const people = await runCli(words, {}, { connect });
    assert.equal(people.exitCode, exitCode, people.errors);
    const program = await runCli([...words, '--json'], {}, { connect });
    assert.equal(program.exitCode, exitCode);
    assert.equal(program.out, '');
    const { error } = JSON.parse(program.errors);
    assert.equal(error.code, 'invalid_argument');
    assert.notEqual(error.message, '');
  });
}

test('--json among the words of another program is not ours', async () => {
  const ran = await runCli(['tenant', 'lost', '--', '--json'], {});
  assert.equal(ran.exitCode, 2);
  assert.match(ran.errors, /^error: unknown command/);
});
