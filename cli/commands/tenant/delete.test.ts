/** What a delete says of what is left. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from '../../testing.ts';

const [folder, bucket, key] = [
  '/home/o/retained/jente-1',
  'gs://acme-jente',
  '/home/o/retained/jente-1/key/tenant.key',
];

const rows = [
  {
    reason: 'everything went',
    left: {},
    says: ['jente is deleted; its data is removed'],
  },
  {
    reason: 'kept in its folder, its bucket too',
    left: { retainedAt: folder },
    says: [`jente is deleted; its data is kept at ${folder}`],
  },
  {
    reason: 'kept, its bucket elsewhere: that is named, and how it would go',
    left: { retainedAt: folder, retainedBucket: bucket, retainedKey: key },
    says: [
      `jente is deleted; its data is kept at ${folder}, its snapshots in ${bucket}`,
      'to remove those for good, too:',
      `  opencrane vault delete --bucket ${bucket} --key-file ${key}`,
    ],
  },
  {
    reason: 'a bucket with what another wrote is not passed over in silence',
    left: { retainedBucket: bucket },
    says: [`jente is deleted; its data is removed; what is in ${bucket} was not written by this tenant, and is kept`],
  },
] as const;

for (const { reason, left, says } of rows) {
  test(reason, async () => {
    const tenants = { getTenant: () => ({ tenant: { name: 'jente' } }), deleteTenant: () => left };
    const { exitCode, out } = await runCli(['tenant', 'delete', 'jente', '--yes'], { tenants });
    assert.deepEqual([exitCode, out.trimEnd().split('\n')], [0, says]);
    const json = await runCli(['tenant', 'delete', 'jente', '--yes', '--json'], { tenants });
    const none = { retainedAt: '', retainedBucket: '', retainedKey: '' };
    assert.deepEqual(JSON.parse(json.out), { deleted: 'jente', ...none, ...left });
  });
}
