/** A deleted tenant's bucket, when that is not in its folder: emptied, or said to be kept; and never given to another tenant. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { DirectoryBucket } from '@opencrane/agent/bucket/directory-bucket.ts';
import { epochOf, formatLeaseRecord, holderIdOf } from '@opencrane/agent/fence/lease-record.ts';
import { readTenantKey } from '@opencrane/agent/vault/keys/tenant-key.ts';
import { History } from '@opencrane/agent/vault/testing-history.ts';
import { standInPlatform } from '@opencrane/coordinator/local-platform/testing.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';

const offline = join(import.meta.dirname, '../../agent/vault/offline/main.ts');
const agent = join(import.meta.dirname, '../../coordinator/local-platform/stand-in.ts');
const patient = new AbortController().signal;
const root = mkdtempSync(join(tmpdir(), 'opencrane-gone-'));
after(() => removeTree(root));
let homes = 0;

/** A platform on a home of its own, and a tenant whose stand-in of an agent is taken to have stored a snapshot. */
async function withTenant(t: TestContext) {
  homes += 1;
  const at = (...parts: string[]) => join(root, `${homes}`, ...parts);
  const [home, bucket] = [at('home'), at('buckets/jente')];
  for (const folder of [bucket, at('buckets/noor')]) mkdirSync(folder, { recursive: true });
  writeFileSync(at('buckets/noor/precious'), 'another tenant’s');
  const commands = {
    agent: [process.execPath, agent, 'agent'],
    launcher: [process.execPath, agent, 'launcher'],
    bucket: [process.execPath, offline],
  } as const;
  const platform = standInPlatform(home, undefined, undefined, { buckets: at('buckets/{tenant}'), commands });
  t.after(() => platform.stop(patient));
  const data = join(home, 'tenants/jente');
  const key = join(data, 'key/tenant.key');
  const live = async () => {
    await platform.ensure('jente');
    const objects = new DirectoryBucket(bucket, { clock: systemClock, random: Math.random });
    const history = await History.in(objects, await readTenantKey(key));
    t.after(() => history.end());
    history.write('conversation', 'remember the heron');
    await history.snapshot();
    handOver(bucket);
  };
  await platform.assertFree('jente');
  await live();
  return { platform, bucket, data, key, live, others: () => readdirSync(at('buckets/noor')) };
}

/** As an agent that ended has left the lease. */
function handOver(bucket: string): void {
  const record = { format: 1, epoch: epochOf(1), holder: holderIdOf('a disk'), host: 'here', instance: 'i' } as const;
  const rest = { renewal: 1, serial: 1, ttlMillis: 30_000, released: true };
  writeFileSync(join(bucket, 'vault/lease'), formatLeaseRecord({ ...record, ...rest }));
}

async function refusal(work: Promise<unknown>): Promise<OpenCraneError> {
  let refused: OpenCraneError | undefined;
  await assert.rejects(work, (error: OpenCraneError) => {
    refused = error;
    return error.code === 'failed_precondition' && error.reason === 'vault_of_another_key';
  });
  return refused ?? assert.fail();
}

test('to be deleted with its data, it leaves an empty bucket, in which the next one of its name begins', async (t) => {
  const { platform, bucket, data, live, others } = await withTenant(t);
  mkdirSync(join(bucket, 'uploads'));
  writeFileSync(join(bucket, 'uploads/a person’s own file'), 'x');
  const nothing = { retainedAt: '', retainedBucket: '', retainedKey: '' };
  assert.deepEqual(await platform.remove('jente', 'delete', patient), nothing);
  assert.deepEqual([readdirSync(bucket), existsSync(data), others()], [[], false, ['precious']]);
  await platform.assertFree('jente');
  await live();
});

test('a bucket that does not answer keeps the key, and the delete that is asked for again goes on', async (t) => {
  const { platform, bucket, key } = await withTenant(t);
  writeFileSync(join(bucket, 'vault/lease'), 'no lease that anybody could read');
  await assert.rejects(platform.remove('jente', 'delete', patient), { reason: 'lease_damaged' });
  assert.ok(existsSync(key), 'without it nobody could go on');
  handOver(bucket);
  await platform.remove('jente', 'delete', patient);
  assert.deepEqual([readdirSync(bucket), existsSync(key)], [[], false]);
});

test('one that is kept is kept in the bucket too, and both ways on are named when its name is to be used again', async (t) => {
  const { platform, bucket, data, key } = await withTenant(t);
  const { retainedAt, retainedBucket, retainedKey } = await platform.remove('jente', 'retain', patient);
  assert.deepEqual([retainedBucket, retainedKey], [bucket, join(retainedAt, 'key/tenant.key')]);
  const { mend, message } = await refusal(platform.assertFree('jente'));
  assert.match(message, /has a vault of another key \([0-9a-f]{16}\); nothing was created/);
  assert.ok(mend.includes(`install -D -m 600 ${retainedKey} ${key}`), mend);
  assert.ok(mend.includes(`opencrane vault delete --bucket ${bucket} --key-file ${retainedKey}`), mend);
  assert.equal(existsSync(data), false, 'looking makes nothing');

  mkdirSync(dirname(key), { recursive: true });
  copyFileSync(retainedKey, key);
  await platform.assertFree('jente'); // with its key it may be gone on with
  await removeTree(data);
  execFileSync(process.execPath, [offline, '--bucket', bucket, '--key-file', retainedKey, '--remove']);
  assert.deepEqual(readdirSync(bucket), []);
  await platform.assertFree('jente');
});

test('what another key has written is not removed with a tenant, and is said to be kept', async (t) => {
  const { platform, bucket, data } = await withTenant(t);
  writeFileSync(join(data, 'key/tenant.key'), `${'0'.repeat(64)}\n`);
  const before = readdirSync(bucket, { recursive: true }).length;
  const kept = { retainedAt: '', retainedBucket: bucket, retainedKey: '' };
  assert.deepEqual(await platform.remove('jente', 'delete', patient), kept);
  assert.equal(readdirSync(bucket, { recursive: true }).length, before);
  const { mend } = await refusal(platform.assertFree('jente'));
  assert.match(mend, /--key-file ITS_KEY_FILE/);
});
