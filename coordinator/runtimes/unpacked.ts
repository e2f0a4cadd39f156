/** The runtimes that agents of this machine unpacked, read where they share them. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleMarker } from '@opencrane/kit/bundle-format.ts';
import { hexOf } from '@opencrane/kit/digest.ts';
import type { RuntimeCatalogue } from './catalogue.ts';

/** Where to look, and for what. */
export type UnpackedOptions = {
  readonly catalogue: Pick<RuntimeCatalogue, 'find'>;
  /** Such as `linux-x64`. */
  readonly platform: string;
  /** Of unpacked runtimes, each under the digest of its bundle. */
  readonly folder: string;
};

/** The folder of a version's runtime, or why there is none. */
export async function unpackedRuntime(
  { catalogue, platform, folder }: UnpackedOptions,
  version: string,
): Promise<{ readonly directory: string } | { readonly why: string }> {
  const built = await catalogue.find(version, platform);
  if (built === undefined) return { why: 'it is not built yet' };
  const directory = join(folder, hexOf(built.digest));
  try {
    await access(join(directory, bundleMarker));
    return { directory };
  } catch {
    return { why: 'it is not unpacked on this machine yet' };
  }
}
