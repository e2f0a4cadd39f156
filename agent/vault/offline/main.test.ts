import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { readHolder } from '../../fence/holder.ts';
import { tenantKey } from '../testing.ts';
import { hexOf, OfflineTenant } from './testing.ts';

const program = join(import.meta.dirname, 'main.ts');
const ours = await OfflineTenant.make();
after(() => ours.end());

const word = z.union([
  z.strictObject({ progress: z.looseObject({ operation: z.literal('vault'), finished: z.boolean().optional() }) }),
  z.strictObject({ result: z.looseObject({}) }),
  z.strictObject({
    error: z.strictObject({
      code: z.string(),
      reason: z.string(),
      message: z.string(),
      field: z.string(),
      mend: z.string(),
    }),
  }),
]);

/** What was said, checked: progress, and one last word. The key is never said. */
function checked(said: string) {
  for (const seed of ['tenant', 'new']) assert.ok(!said.includes(hexOf(seed)));
  const words = said.split('\n').flatMap((line) => (line === '' ? [] : [word.parse(JSON.parse(line))]));
  for (const each of words.slice(0, -1)) assert.ok('progress' in each);
  const last = words.at(-1);
  return {
    steps: words.flatMap((each) => ('progress' in each ? [each.progress] : [])),
    result: last && 'result' in last ? Object(last.result) : undefined,
    error: last && 'error' in last ? last.error : undefined,
  };
}

function run(words: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, ...environment };
  const ran = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8', env, cwd: ours.path('') });
  assert.equal(ran.stderr, '');
  return { code: ran.status, ...checked(ran.stdout) };
}

const at = (of: OfflineTenant, seed = 'tenant') => ['--bucket', of.folder, '--key-file', of.keyFile(seed)];
const exporting = ['--command', '{"export":{"snapshot":{"newest":true}}}', '--output', '-'];

test('what came of an order is the last line; a relative path is one from where the person is', () => {
  const { code, result, steps } = run([
    ...at(ours),
    '--command',
    '{"restore":{"snapshot":{"newest":true},"into":"back"}}',
  ]);
  assert.deepEqual([code, result.restored.folder, result.restored.snapshot.sequence], [0, ours.path('back'), '2']);
  assert.deepEqual(steps.map(({ finished }) => finished === true).indexOf(true), steps.length - 1);
});

test('what went wrong is the last line too, with an exit code of its kind', () => {
  const wrong = run([...at(ours, 'wrong'), '--command', '{"list":{}}']);
  assert.deepEqual([wrong.code, wrong.error?.code, wrong.error?.reason], [4, 'permission_denied', 'wrong_key']);
  assert.notEqual(wrong.error?.mend, '');
  const usage = run(['--list']);
  assert.deepEqual([usage.code, usage.error?.reason], [2, 'usage']);
});

test('the disk that a file names goes on with its lease at once', async () => {
  const of = await OfflineTenant.make();
  const disk = of.path('disk');
  const holder = await readHolder(disk, randomUUID);
  const agent = await of.otherAgent(30_000, 3_600_000, holder);
  await agent.stop(); // without a word
  const { code, result } = run([...at(of), '--remove', '--disk', disk]);
  assert.deepEqual([code, result?.removed.left, readdirSync(of.folder)], [0, false, []]);
  of.end();
});

test('an export to standard output leaves the words on descriptor 3', () => {
  const ran = spawnSync(process.execPath, [program, ...at(ours), ...exporting], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  const { result } = checked(String(ran.output[3]));
  assert.deepEqual([ran.status, result.exported.bytes], [0, String(ran.stdout.length)]);
  assert.match(spawnSync('tar', ['-t'], { input: ran.stdout, encoding: 'utf8' }).stdout, /^database$/m);
});

test('without descriptor 3 it says how to open it, and sends nothing', () => {
  const ran = spawnSync(process.execPath, [program, ...at(ours), ...exporting], { encoding: 'utf8' });
  assert.deepEqual([ran.status, ran.stdout], [2, '']);
  assert.match(ran.stderr, /descriptor 3 is not open\n {2}to mend it: open it, as in `3>words`/);
});

test('a reader that goes away ends the export', async () => {
  ours.history.write('large', Buffer.alloc(3_000_000, 'x'));
  await ours.history.snapshot();
  const child = start([...at(ours), ...exporting], ['ignore', 'pipe', 'inherit', 'pipe']);
  child.stdout?.once('data', () => child.stdout?.destroy());
  const said = textOf(child.stdio[3]);
  const [code] = await once(child, 'close');
  assert.deepEqual([code, checked(said()).error?.reason], [5, 'output_unwritable']);
});

test('Ctrl-C ends it with an exit code of its own, and whoever has the lease keeps it', async () => {
  const agent = await ours.otherAgent(30_000);
  const child = start([...at(ours), '--command', '{"prune":{}}'], ['ignore', 'pipe', 'inherit']);
  const said = textOf(child.stdout);
  const waits = () => (said().includes('waiting whether') ? child.kill('SIGINT') : child.stdout?.once('data', waits));
  child.stdout?.once('data', waits);
  const [code] = await once(child, 'close');
  assert.deepEqual([code, checked(said()).error?.code, ours.lease.host], [130, 'cancelled', 'the-other-machine']);
  await agent.stop();
});

test('a rotation that is killed in the middle leaves both keys, and is ended by the next', async () => {
  const of = await OfflineTenant.make();
  const rotation = [...at(of), '--rotate-to', of.keyFile('new')];
  const killed = run(rotation, { OPENCRANE_FAULT_AT: 'rotate:written' });
  assert.deepEqual([killed.code, killed.result], [null, undefined]);
  of.release(); // nobody waits for a dead process here
  assert.deepEqual(run([...at(of), '--command', '{"list":{}}']).code, 0);
  const ended = run(rotation);
  const rotated = { oldKey: tenantKey('tenant').id, newKey: tenantKey('new').id, generation: 2 };
  assert.deepEqual([ended.code, ended.result], [0, { rotated }]);
  assert.deepEqual(run([...at(of), '--command', '{"list":{}}']).error?.reason, 'wrong_key');
  of.end();
});

function start(words: readonly string[], stdio: ('ignore' | 'pipe' | 'inherit')[]): ChildProcess {
  return spawn(process.execPath, [program, ...words], { stdio });
}

/** Gathers what comes. */
function textOf(stream: ChildProcess['stdio'][number] | undefined): () => string {
  let text = '';
  stream?.on('data', (bytes: Buffer) => {
    text += bytes.toString('utf8');
  });
  return () => text;
}
