import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { compileCacheOf, shareCompileCache } from './compile-cache.ts';

function machine(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'oc-compile-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [runtimes, tmp] = [join(folder, 'runtimes'), join(folder, 'tmp')];
  const runtime = join(runtimes, 'ab12');
  for (const each of [runtime, tmp]) mkdirSync(each, { recursive: true });
  return { runtimes, runtime, tmp, link: join(tmp, 'node-compile-cache') };
}

test('what one tenant’s OpenClaw compiled is there for the next', (t) => {
  const { runtimes, runtime, tmp } = machine(t);
  mkdirSync(compileCacheOf(runtimes));
  shareCompileCache(runtime, tmp);
  const entry = join(runtime, 'openclaw.mjs');
  writeFileSync(
    entry,
    "import { enableCompileCache } from 'node:module';\nenableCompileCache();\nawait import('./more.mjs');\n",
  );
  writeFileSync(join(runtime, 'more.mjs'), 'export const answer = () => 42;\n');
  const { status, stderr } = spawnSync(process.execPath, [entry], { env: { TMPDIR: tmp }, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.notDeepEqual(readdirSync(compileCacheOf(runtimes)), []);
});

test('a cache that a tenant has of its own, or that leads to other runtimes, is replaced', (t) => {
  const { runtimes, runtime, tmp, link } = machine(t);
  mkdirSync(join(link, 'v24'), { recursive: true });
  mkdirSync(compileCacheOf(runtimes));
  shareCompileCache(runtime, tmp);
  assert.equal(readlinkSync(link), compileCacheOf(runtimes));
  const other = machine(t);
  mkdirSync(compileCacheOf(other.runtimes));
  shareCompileCache(other.runtime, tmp);
  assert.equal(readlinkSync(link), compileCacheOf(other.runtimes));
});

test('where runtimes are kept without one, each tenant has its own', (t) => {
  const { runtime, tmp } = machine(t);
  shareCompileCache(runtime, tmp);
  assert.deepEqual(readdirSync(tmp), []);
});
