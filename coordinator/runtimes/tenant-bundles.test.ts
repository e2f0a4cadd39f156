import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { digestOf } from '@opencrane/kit/digest.ts';
import { onEachDatabase } from '../store/testing.ts';
import { admin, assembleRuntimes, unchecked } from './testing.ts';

onEachDatabase((database) => {
  test('an agent reads what was offered to its tenant, now or before, and nothing else', async (t) => {
    const { builder, bundles, wishes } = await assembleRuntimes(t, await database.store(t));
    const [first, second, other] = [
      await builder.ensure('2026.9.4'),
      await builder.ensure('2026.9.5'),
      await builder.ensure('2026.9.6'),
    ];
    await wishes.pin({ kind: 'organisation' }, '2026.9.4', false, admin, unchecked);
    await wishes.pin({ kind: 'team', name: 'crew' }, '2026.9.5', false, admin, unchecked);
    await wishes.choose('sam', '2026.9.6', admin, () => true);
    const mayRead = async (tenant: string, digest: typeof first.digest) => {
      try {
        return (await bundles.open(tenant, digest, 0)).totalBytes;
      } catch (cause) {
        assert.ok(cause instanceof Error && 'reason' in cause);
        return `${cause.reason}: ${cause.message.replaceAll(digest, 'D').replaceAll(tenant, 'T')}`;
      }
    };
    const refused = 'blob_unknown: reading D: no such bundle was ever offered to T';
    assert.equal(await mayRead('jente', second.digest), second.bytes, 'what it should serve');
    assert.equal(
      await mayRead('jente', first.digest),
      first.bytes,
      'what it should have served before its team was pinned',
    );
    assert.equal(await mayRead('jente', other.digest), refused, "another tenant's");
    assert.equal(await mayRead('sam', second.digest), refused, "another team's");
    assert.equal(
      await mayRead('jente', digestOf('nothing')),
      refused,
      'what there is not is refused in the same words',
    );
    assert.equal(await mayRead('nobody', first.digest), refused, 'a tenant that there is not');
  });

  test('an earlier bundle of a version is read as long as it is there, and is not waited for afterwards', async (t) => {
    const { builder, bundles, wishes, file, blobs, looks } = await assembleRuntimes(t, await database.store(t));
    await wishes.pin({ kind: 'organisation' }, '2026.9.4', false, admin, unchecked);
    const earlier = await builder.ensure('2026.9.4');
    await rm(file(earlier.digest));
    builder.content = 'another bundle';
    const later = await builder.ensure('2026.9.4');
    assert.notEqual(later.digest, earlier.digest);
    await assert.rejects(bundles.open('jente', earlier.digest, 0), { code: 'not_found', reason: 'blob_unknown' });
    assert.equal(looks(), 0);
    await rm(file(later.digest));
    await assert.rejects(bundles.open('jente', later.digest, 0), { code: 'unavailable', reason: 'blob_lost' });
    assert.equal(looks(), 1);
    assert.equal(await blobs.isWhole(later.digest, later.bytes), false);
  });
});
