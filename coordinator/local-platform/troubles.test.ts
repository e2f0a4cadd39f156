import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, standInPlatform } from './testing.ts';
import { Troubles } from './troubles.ts';

const root = await mkdtemp(join(tmpdir(), 'opencrane-troubles-'));
after(() => rm(root, { recursive: true, force: true }));
const node = process.execPath;
const launcher = [node, fileURLToPath(new URL('./stand-in.ts', import.meta.url)), 'launcher'] as const;

const agents = [
  {
    reason: 'an agent that refuses what it was told says which setting it is, and how to mend it',
    agent: [
      node,
      '-e',
      `console.error("agent: OPENCRANE_BUCKET: names no bucket\\n  to mend it: set it"); process.exit(2)`,
    ],
    says: /^its agent exited with code 2, 2 times in a row; next try at \d\d:\d\d:\d\d UTC; last words: agent: OPENCRANE_BUCKET: names no bucket \| to mend it: set it$/,
  },
  {
    reason: 'one that is killed has its signal',
    agent: [node, '-e', 'process.kill(process.pid, "SIGKILL")'],
    says: /^its agent was ended by SIGKILL, 2 times in a row; next try at /,
  },
  {
    reason: 'one that cannot be executed says so, and nobody waits for it for ever',
    agent: [join(root, 'no-such-program')],
    says: /^its agent could not be started, 2 times in a row; next try at .*; last words: .*ENOENT/,
  },
] as const;

for (const [at, { reason, agent, says }] of agents.entries()) {
  test(reason, { timeout: 60_000 }, async () => {
    const [file, ...args] = agent;
    const platform = standInPlatform(join(root, `home-${at}`), undefined, undefined, {
      commands: { agent: [file, ...args], launcher, bucket: launcher },
    });
    const lines: string[] = [];
    platform.onTrouble((tenant, line) => lines.push(`${tenant}: ${line}`));
    await platform.ensure('jente');
    await eventually('it failed twice', () => lines.length >= 2);
    await platform.stop(new AbortController().signal);
    assert.match(lines[0] ?? '', /^jente: its agent (exited|was ended|could not be started)/);
    assert.match((lines[1] ?? '').replace('jente: ', ''), says);
  });
}

test('of two programs both are named, each word is told once, and what is over is not told', () => {
  const told: string[] = [];
  const troubles = new Troubles();
  const launcher: string[] = [];
  troubles.listen((tenant, line, ofLauncher) => {
    told.push(`${tenant}: ${line}`);
    launcher.push(ofLauncher);
  });
  troubles.take('jente', 'agent', '');
  troubles.take('jente', 'agent', 'its agent ended');
  troubles.take('jente', 'agent', 'its agent ended');
  troubles.take('jente', 'launcher', 'its launcher ended');
  troubles.take('jente', 'agent', '');
  troubles.take('jente', 'launcher', '');
  const expected = ['its agent ended', 'its agent ended; its launcher ended', 'its launcher ended', ''];
  assert.deepEqual(
    told,
    expected.map((line) => `jente: ${line}`),
  );
  assert.deepEqual(launcher, ['', 'its launcher ended', 'its launcher ended', '']);
});
