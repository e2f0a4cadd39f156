import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { AGENT_TOKEN_MILLIS } from '../identity/agent-tokens.ts';
import { AgentTokenFiles } from './agent-token-files.ts';
import { eventually } from './testing.ts';

const root = await mkdtemp(join(tmpdir(), 'opencrane-tokens-'));
after(() => rm(root, { recursive: true, force: true }));

test('a token is replaced long before it expires, and no more once its tenant is forgotten', async () => {
  const clock = new ManualClock(1_000_000);
  let issued = 0;
  const tokens = new AgentTokenFiles({
    issue: async (tenant) => `${tenant} ${++issued}`,
    file: (tenant) => join(root, tenant),
    clock,
    log: createLogger({ program: 'test', level: 'silent' }),
  });
  tokens.start();
  await tokens.keep('jente');
  const file = join(root, 'jente');
  assert.equal(readFileSync(file, 'utf8'), 'jente 1');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const look = async (millis: number) => {
    await eventually('it sleeps', () => clock.sleeping === 1);
    clock.advance(millis);
    await eventually('it has looked', () => clock.sleeping === 1);
  };
  await look(AGENT_TOKEN_MILLIS / 4);
  assert.equal(readFileSync(file, 'utf8'), 'jente 1', 'still fresh');
  await look(AGENT_TOKEN_MILLIS / 4);
  assert.equal(readFileSync(file, 'utf8'), 'jente 2');
  tokens.forget('jente');
  await look(AGENT_TOKEN_MILLIS);
  assert.equal(readFileSync(file, 'utf8'), 'jente 2');
  await tokens.stop();
});
