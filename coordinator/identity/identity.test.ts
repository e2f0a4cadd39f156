import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { generateKeyPair, SignJWT } from 'jose';
import { AdminToken } from './admin-token.ts';
import { AGENT_TOKEN_MILLIS, AgentTokens } from './agent-tokens.ts';

const folder = await mkdtemp(join(tmpdir(), 'opencrane-identity-'));
test.after(() => rm(folder, { recursive: true }));
const keyFile = join(folder, 'keys', 'agent-tokens.pem');
const clock = new ManualClock(1_800_000_000_000);

test('a token names its tenant until it expires', async () => {
  const tokens = await AgentTokens.open(keyFile, clock);
  const token = await tokens.issue('jente', 'id-1');
  assert.equal((await tokens.verify(token)).tenant, 'jente');
  const later = new ManualClock(clock.now() + AGENT_TOKEN_MILLIS + 1000);
  await assert.rejects((await AgentTokens.open(keyFile, later)).verify(token), {
    code: 'unauthenticated',
    reason: 'token_expired',
  });
});

test('the signing key outlives the coordinator and only its owner can read it', async () => {
  const token = await (await AgentTokens.open(keyFile, clock)).issue('jente', 'id-2');
  assert.equal((await (await AgentTokens.open(keyFile, clock)).verify(token)).tenant, 'jente');
  assert.equal((await stat(keyFile)).mode & 0o777, 0o600);
  assert.equal((await stat(join(folder, 'keys'))).mode & 0o777, 0o700);
});

test('a token of another signer, for another audience or of no shape is told apart', async () => {
  const tokens = await AgentTokens.open(keyFile, clock);
  const stranger = await AgentTokens.open(join(folder, 'other.pem'), clock);
  await assert.rejects(tokens.verify(await stranger.issue('jente', 'x')), { reason: 'token_forged' });
  await assert.rejects(tokens.verify('abc'), { reason: 'token_malformed' });
  const { privateKey } = await generateKeyPair('EdDSA');
  const unsigned = await new SignJWT().setProtectedHeader({ alg: 'EdDSA' }).setSubject('jente').sign(privateKey);
  await assert.rejects(tokens.verify(unsigned), { code: 'unauthenticated' });
});

test('a key that cannot be read is an error and is never replaced', async () => {
  const path = join(folder, 'damaged.pem');
  await writeFile(path, 'not a key', { mode: 0o600 });
  await assert.rejects(AgentTokens.open(path, clock), { code: 'data_loss', reason: 'signing_key_damaged' });
  assert.equal(await readFile(path, 'utf8'), 'not a key');
  await writeFile(path, '');
  await assert.rejects(AgentTokens.open(path, clock), { reason: 'secret_empty' });
});

test('the admin token is made once, private, and nothing else opens', async () => {
  const path = join(folder, 'admin-token');
  const first = await AdminToken.open(path, () => 'tok-1');
  await AdminToken.open(path, () => 'tok-2');
  assert.equal((await readFile(path, 'utf8')).trim(), 'tok-1');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await first.authenticate('Bearer tok-1'), { actor: 'admin' });
  for (const header of [null, '', 'Bearer', 'Basic tok-1', 'Bearer tok-2', 'Bearer tok-11']) {
    await assert.rejects(
      first.authenticate(header),
      { code: 'unauthenticated', field: 'authorization' },
      String(header),
    );
  }
  await chmod(path, 0o600);
});
