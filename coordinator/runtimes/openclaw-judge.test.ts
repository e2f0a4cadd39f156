import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { OpenClawJudge } from './openclaw-judge.ts';

/** A runtime whose OpenClaw is a script; `log` holds what it was started with. */
function runtime(t: TestContext, script: string) {
  const root = mkdtempSync(join(tmpdir(), 'opencrane-judge-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, 'lib', 'node_modules', 'openclaw');
  mkdirSync(folder, { recursive: true });
  const log = join(root, 'log');
  const head = `import { appendFileSync, readFileSync } from 'node:fs';
    const document = readFileSync(process.env.OPENCLAW_CONFIG_PATH, 'utf8');
    appendFileSync(${JSON.stringify(log)}, JSON.stringify({ env: Object.keys(process.env), args: process.argv.slice(2) }) + '\\n');`;
  writeFileSync(join(folder, 'openclaw.mjs'), `${head}\n${script}`);
  const own = join(root, 'judge');
  const judge = (timeoutMillis = 60_000) =>
    new OpenClawJudge({ runtimeOf: async () => ({ directory: root }), folder: own, timeoutMillis });
  const starts = () =>
    readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  return { judge, starts, own };
}

const refusing = `
  const issues = [{ path: '<root>', message: 'Unrecognized key: "x"' }, { path: 'a.b', message: 'expected number' }];
  console.log(JSON.stringify('x' in JSON.parse(document) ? { valid: false, issues } : { valid: true }));
  process.exitCode = 'x' in JSON.parse(document) ? 1 : 0;`;

test('a verdict is OpenClaw’s own, with its paths, and given once per document and version', async (t) => {
  const { judge, starts, own } = runtime(t, refusing);
  const one = judge();
  assert.deepEqual(await one.judge({ a: 1 }, '1'), { state: 'judged', issues: [] });
  const refused = {
    state: 'judged',
    issues: [
      { path: '', message: 'Unrecognized key: "x"' },
      { path: 'a.b', message: 'expected number' },
    ],
  };
  assert.deepEqual(await one.judge({ x: 1, a: 1 }, '1'), refused);
  assert.deepEqual(await one.judge({ a: 1, x: 1 }, '1'), refused, 'the same document, written otherwise');
  assert.equal(starts().length, 2);
  assert.deepEqual(starts()[0].args, ['config', 'validate', '--json']);
  await one.judge({ a: 1 }, '2');
  assert.equal(starts().length, 3, 'another version has a verdict of its own');
  assert.deepEqual(readdirSync(own), [], 'no document stays behind');
});

test('nothing of the coordinator’s environment reaches it', async (t) => {
  process.env['OPENCRANE_DATABASE'] = 'postgres://user:password@host/db';
  t.after(() => delete process.env['OPENCRANE_DATABASE']);
  const { judge, starts } = runtime(t, refusing);
  await judge().judge({}, '1');
  assert.deepEqual(
    starts()[0].env.filter((name: string) => !/^(OPENCLAW_|PATH$|HOME$|TMPDIR$)/.test(name)),
    [],
  );
});

const silent = [
  {
    reason: 'one that crashes',
    script: `process.stdout.write(document); process.exit(1);`,
    why: /what it printed is no verdict/,
  },
  {
    reason: 'one that prints nonsense',
    script: `console.log('hello ' + document);`,
    why: /what it printed is no verdict/,
  },
  { reason: 'one that hangs', script: `setInterval(() => {}, 1000);`, why: /not done within 1500 ms/ },
];

for (const { reason, script, why } of silent) {
  test(`${reason} gives no verdict, repeats nothing of the document, and is asked again`, async (t) => {
    const { judge, starts } = runtime(t, script);
    const one = judge(1_500);
    const judgement = await one.judge({ token: 'hush' }, '1');
    assert.equal(judgement.state, 'unknown');
    assert.match(judgement.state === 'unknown' ? judgement.why : '', why);
    assert.doesNotMatch(JSON.stringify(judgement), /hush/);
    await one.judge({ token: 'hush' }, '1');
    assert.equal(starts().length, 2);
  });
}

test('a version that is not here is not judged', async () => {
  const judge = new OpenClawJudge({ runtimeOf: async () => ({ why: 'it is not built yet' }), folder: '/nonexistent' });
  assert.deepEqual(await judge.judge({}, '1'), { state: 'unknown', why: 'it is not built yet' });
});
