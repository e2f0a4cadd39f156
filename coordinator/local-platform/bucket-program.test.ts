/** The program that goes to a tenant's bucket: what it is told, and what becomes of what it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BucketProgram } from './bucket-program.ts';
import { handedDown } from './program-environment.ts';
import { secrets } from './testing.ts';

const where = { bucket: 'gs://acme-jente', keyFile: '/keys/jente' };
const never = new AbortController().signal;

/** One that runs statements in place of the agent's own. */
function program(script: string, environment: NodeJS.ProcessEnv = process.env): BucketProgram {
  const command = [process.execPath, '-e', script, '--'] as const;
  return new BucketProgram({ command, environment: handedDown('bucket', environment) });
}

const say = (...words: readonly object[]) => words.map((word) => `console.log('${JSON.stringify(word)}');`).join('\n');

test('what it says last is the answer, after whatever it does meanwhile', async () => {
  const told = `const words = process.argv.slice(1).join(' ');
    console.log('{"progress":{}}'); console.log(JSON.stringify({ result: { look: { vault: 'other', keys: [words] } } }));`;
  const { keys } = await program(told).look(where);
  assert.deepEqual(keys, ['--bucket gs://acme-jente --key-file /keys/jente --look']);
  const removing = `console.log(JSON.stringify({ result: { removed: { left: process.argv.includes('--disk') } } }));`;
  assert.deepEqual(await program(removing).remove(where, '/disk', never), { left: true });
});

test('it has nothing of the coordinator’s environment but what is on the list', async () => {
  const environment = { ...process.env, ...secrets, GOOGLE_APPLICATION_CREDENTIALS: '/gcp.json' };
  const script = `console.log(JSON.stringify({ result: { look: { vault: 'none', keys: Object.keys(process.env) } } }));`;
  const { keys } = await program(script, environment).look(where);
  assert.deepEqual(
    Object.keys(secrets).filter((name) => keys.includes(name)),
    [],
  );
  assert.ok(keys.includes('GOOGLE_APPLICATION_CREDENTIALS') && keys.includes('PATH'));
});

const failures = [
  {
    reason: 'an error is told in its own words',
    script: `${say({ error: { code: 'unavailable', reason: 'bucket_unreachable', message: 'no answer', field: 'f', mend: 'wait' } })}
      process.exit(6);`,
    error: { code: 'unavailable', reason: 'bucket_unreachable', message: 'no answer', field: 'f', mend: 'wait' },
  },
  {
    reason: 'one that dies is told with its last words',
    script: `console.error('out of memory'); process.exit(134);`,
    error: { code: 'internal', message: 'looking at gs://acme-jente: out of memory' },
  },
  {
    reason: 'one that says nothing has not answered',
    script: '',
    error: { reason: 'bucket_program', message: /did not say what came of it/ },
  },
] as const;
for (const { reason, script, error } of failures)
  test(reason, () => assert.rejects(program(script).look(where), error));

test('one that is stopped ends, and is no defect', async () => {
  const cancel = new AbortController();
  const removal = program('setInterval(() => {}, 1000)').remove(where, '/disk', cancel.signal);
  cancel.abort();
  await assert.rejects(removal, { code: 'cancelled' });
});
