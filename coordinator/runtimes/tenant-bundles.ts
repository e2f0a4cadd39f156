/**
 * The bundles that a tenant's agent may read: those of versions that were wanted of its tenant at some time, so what is
 * offered to it, what it serves and what it served before. Of any other it learns no more than of one that there is not.
 */
import type { Digest } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { BlobSource } from '../agents/ports.ts';
import type { BlobStore, OpenBlob } from './blob-store.ts';
import type { RuntimeCatalogue } from './catalogue.ts';
import type { RuntimeWishes } from './runtime-wishes.ts';

/** What reading takes. */
export type TenantBundlesParts = {
  readonly blobs: Pick<BlobStore, 'open'>;
  readonly catalogue: RuntimeCatalogue;
  readonly wishes: Pick<RuntimeWishes, 'everWanted'>;
  readonly platform: string;
  /** Is told when a bundle of the catalogue could not be read, or was not what its digest says. */
  readonly lost: () => void;
};

/** The bundles, by tenant. */
export class TenantBundles implements BlobSource {
  readonly #parts: TenantBundlesParts;

  constructor(parts: TenantBundlesParts) {
    this.#parts = parts;
  }

  async open(tenant: string, digest: Digest, offset: number): Promise<OpenBlob> {
    const { blobs, catalogue, wishes, platform } = this.#parts;
    const version = await catalogue.versionOf(digest);
    if (version === undefined || !(await wishes.everWanted(tenant)).has(version)) throw notOffered(tenant, digest);
    const isCurrent = (await catalogue.find(version, platform))?.digest === digest;
    try {
      const { totalBytes, chunks } = await blobs.open(digest, offset);
      return { totalBytes, chunks: this.#watched(chunks, version) };
    } catch (cause) {
      // A later build of the version is another bundle: this one does not come back.
      if (!isCurrent || !(cause instanceof OpenCraneError) || cause.reason !== 'blob_unknown') throw cause;
      throw this.#lost(version, cause);
    }
  }

  async *#watched(chunks: AsyncIterable<Uint8Array>, version: string): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch (cause) {
      throw cause instanceof OpenCraneError && cause.reason === 'blob_damaged' ? this.#lost(version, cause) : cause;
    }
  }

  #lost(version: string, cause: unknown): OpenCraneError {
    this.#parts.lost();
    const what = `the bundle of OpenClaw ${version} was lost by the coordinator, which builds it again`;
    return new OpenCraneError('unavailable', 'blob_lost', what, { cause, mend: 'wait for the build' });
  }
}

function notOffered(tenant: string, digest: Digest): OpenCraneError {
  const what = `reading ${digest}: no such bundle was ever offered to ${tenant}`;
  return new OpenCraneError('not_found', 'blob_unknown', what, {
    field: 'digest',
    mend: 'ask for the bundle of an offer',
  });
}
