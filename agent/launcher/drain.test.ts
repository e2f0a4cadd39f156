import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { tenantFolders } from '../folders.ts';
import { drain } from './drain.ts';
import type { ProcessEnd } from './openclaw-process.ts';
import type { Patience } from './silence.ts';

const log = createLogger({ program: 'test', level: 'silent' });
const folders = tenantFolders(mkdtempSync(join(tmpdir(), 'oc-drain-')));
mkdirSync(join(folders.data, 'secrets'));
writeFileSync(folders.gatewayToken, 'token');
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folders.data, { recursive: true, force: true });
});

/** Far more than a test may take: what ends in time has not waited for it. */
const budgetMillis = 330_000;
const short = { hungMillis: 1_000, closedMillis: 2_000 };
/** Longer than a loaded machine takes to go on, and still far less than the budget. */
const long = { hungMillis: 60_000, closedMillis: 60_000 };

/** A gateway whose probe answers; `onTerm` is what it does when it is told to end. */
const gateway = (onTerm: string) => `
  const server = require('node:http').createServer((_request, response) => response.end('{"ok":true}'));
  process.on('SIGTERM', () => { ${onTerm} });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

async function started(program: string, patience: Patience) {
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code: code ?? -1, signal: signal ?? '', lastWords: '' }));
  });
  const lines = createInterface(child.stdout);
  const { value: port } = await lines[Symbol.asyncIterator]().next();
  const pid = child.pid ?? 0;
  const order = {
    runtimeDirectory: '',
    version: '1',
    environment: { OPENCLAW_GATEWAY_PORT: String(port) },
    arguments: [],
  };
  const never = new AbortController().signal;
  const work = {
    folders,
    order,
    process: { pid, ended, hold: () => {} },
    budgetMillis,
    hurry: never,
    clock,
    log,
    patience,
  };
  return { child, ended, drained: () => drain(work) };
}

const cases = [
  {
    reason: 'one that a signal has stopped is told to go on, and ends in its own way',
    program: gateway('process.exit(0)'),
    before: 'SIGSTOP',
    patience: long,
    end: { code: 0, signal: '' },
    atMostMillis: 60_000,
  },
  {
    reason: 'one whose event loop hangs cannot end a turn: it is killed when patience is over, not when the budget is',
    program: gateway('').replace(
      'console.log(server.address().port)',
      '{ require("node:fs").writeSync(1, server.address().port + "\\n"); for (;;); }',
    ),
    before: undefined,
    patience: short,
    end: { code: -1, signal: 'SIGKILL' },
    atMostMillis: 20_000,
  },
  {
    reason: 'one that has closed its port and does not exit is killed, too',
    program: gateway('server.close(); server.closeAllConnections(); setInterval(() => {}, 1000)'),
    before: undefined,
    patience: short,
    end: { code: -1, signal: 'SIGKILL' },
    atMostMillis: 20_000,
  },
  {
    reason: 'one that works on and answers keeps its time, though that is longer than patience',
    program: gateway('setTimeout(() => process.exit(7), 4000)'),
    before: undefined,
    patience: short,
    end: { code: 7, signal: '' },
    atMostMillis: 30_000,
  },
] as const;

for (const { reason, program, before, patience, end, atMostMillis } of cases) {
  test(reason, { timeout: 180_000 }, async () => {
    const { child, ended, drained } = await started(program, patience);
    if (before !== undefined) child.kill(before);
    const began = clock.monotonic();
    await drained();
    assert.ok(clock.monotonic() - began < atMostMillis, `it took ${Math.round(clock.monotonic() - began)} ms`);
    const { code, signal } = await ended;
    assert.deepEqual({ code, signal }, end);
  });
}
