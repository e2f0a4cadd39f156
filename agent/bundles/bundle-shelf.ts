/**
 * Runtime bundles in the tenant's bucket: with them a tenant starts anywhere, coordinator or not. A bundle is read from
 * the bucket first, then from the coordinator. Whoever reads checks the digest before a byte of it runs; one that proves
 * damaged in the bucket is taken out of it, and comes from the coordinator.
 */
import { createHash } from 'node:crypto';
import { type Digest, fromHex } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { objectAt, placeOf, prefixes } from '../bucket/layout.ts';
import type { BlobReader } from '../runtime/ports.ts';

/** What the shelf takes. */
export type BundleShelfPorts = {
  readonly bucket: Bucket;
  /** The coordinator's copies. */
  readonly coordinator: BlobReader;
  /** Awaited at `bundle:STEP`. */
  readonly onStep: (step: string) => Promise<void> | void;
  readonly log: Logger;
};

/** A bundle by its digest, and how long it is. */
export type ShelvedBundle = { readonly bundleDigest: Digest; readonly bundleBytes: number };

/** The shelf of one tenant. */
export class BundleShelf implements BlobReader {
  readonly #ports: BundleShelfPorts;

  constructor(ports: BundleShelfPorts) {
    this.#ports = ports;
  }

  async *read(digest: Digest, offset: number, signal: AbortSignal): ReturnType<BlobReader['read']> {
    const { bucket, coordinator, log } = this.#ports;
    const name = objectAt({ kind: 'bundle', digest });
    const info = await bucket.info(name, signal).catch((cause: unknown) => {
      log.warn({ err: cause }, 'the bucket does not answer; the bundle is asked of the coordinator');
      return undefined;
    });
    const body = info && (await bucket.stream(name, offset, signal));
    if (!body) return yield* coordinator.read(digest, offset, signal);
    for await (const data of body) yield { data, totalBytes: info.bytes };
  }

  /** What was read of it is not what its digest says: the bucket's copy goes, so that the next reading is another one. */
  async damaged(digest: Digest, signal: AbortSignal): Promise<void> {
    const { bucket, onStep, log } = this.#ports;
    const name = objectAt({ kind: 'bundle', digest });
    if ((await bucket.info(name, signal)) === undefined) return;
    log.error({ digest, bucket: bucket.address }, 'the bundle in the bucket is damaged and is replaced');
    await bucket.delete(name, signal);
    await onStep('bundle:damaged');
  }

  /** Makes sure that the bucket has a bundle in its full length; what it lacks comes from the coordinator, checked on the way. */
  async put({ bundleDigest, bundleBytes }: ShelvedBundle, signal: AbortSignal): Promise<void> {
    const { bucket, coordinator, onStep } = this.#ports;
    const name = objectAt({ kind: 'bundle', digest: bundleDigest });
    const there = await bucket.info(name, signal);
    if (there?.bytes === bundleBytes) return;
    if (there !== undefined) await this.damaged(bundleDigest, signal);
    await onStep('bundle:put');
    const content = checked(coordinator.read(bundleDigest, 0, signal), bundleDigest, bundleBytes);
    await bucket.create(
      name,
      announced(content, () => onStep('bundle:put:begun')),
      signal,
    );
    await onStep('bundle:put:done');
  }

  /** Takes every bundle but these out of the bucket. */
  async keepOnly(kept: readonly Digest[], signal: AbortSignal): Promise<void> {
    const { bucket, onStep } = this.#ports;
    for await (const { name } of bucket.list(prefixes.bundle, signal)) {
      const place = placeOf(name);
      if (place?.kind !== 'bundle' || kept.includes(place.digest)) continue;
      await onStep('bundle:remove');
      await bucket.delete(name, signal);
      await onStep('bundle:remove:done');
    }
  }
}

/** The bytes of a bundle. Throws at the end when they are not what the digest says, so that no object is made of them. */
async function* checked(
  pieces: ReturnType<BlobReader['read']>,
  digest: Digest,
  bytes: number,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let done = 0;
  for await (const { data } of pieces) {
    hash.update(data);
    done += data.length;
    yield data;
  }
  if (done === bytes && fromHex(hash.digest('hex')) === digest) return;
  const what = `putting the bundle ${digest} into the bucket: the coordinator sent ${done} bytes that are not it`;
  throw new OpenCraneError('data_loss', 'bundle_corrupt', what, {
    mend: 'the coordinator’s copy is damaged: remove it there and build the version again',
  });
}

/** The same bytes; announces that the first of them were taken. */
async function* announced(content: AsyncIterable<Uint8Array>, begun: () => Promise<void> | void) {
  let isFirst = true;
  for await (const piece of content) {
    yield piece;
    if (isFirst) await begun();
    isFirst = false;
  }
}
