/** A tenant cannot be created over the vault of another key: what is to be said. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { keyWithin, retainedFolder } from './layout.ts';

/** What was found. */
type Taken = {
  readonly tenant: string;
  readonly bucket: string;
  /** Ids of the keys that open the vault; none when that is lost. */
  readonly keys: readonly string[];
  /** Where the tenant's own key would be. */
  readonly key: string;
  /** Files with the keys of former tenants of the name. */
  readonly kept: readonly string[];
};

/** The refusal, with both ways on: go on with what is there, or remove it. */
export function bucketTaken({ tenant, bucket, keys, key, kept }: Taken): OpenCraneError {
  const whose = keys.length > 0 ? `of another key (${keys.join(', ')})` : 'whose keys are lost';
  const newest = kept.at(-1) ?? 'ITS_KEY_FILE';
  return new OpenCraneError(
    'failed_precondition',
    'vault_of_another_key',
    `creating ${tenant}: ${bucket} has a vault ${whose}; nothing was created`,
    {
      field: 'name',
      mend:
        keys.length > 0
          ? `to go on with what is in it, put its key in place first (install -D -m 600 ${newest} ${key}); to remove it for good: opencrane vault delete --bucket ${bucket} --key-file ${newest}`
          : 'take another name, or empty the bucket by hand',
    },
  );
}

/** Keys of former tenants of a name, the newest last. */
export function keptKeys(home: string, tenant: string): string[] {
  const folder = retainedFolder(home);
  if (!existsSync(folder)) return [];
  const times = readdirSync(folder).flatMap((name) => {
    const at = name.lastIndexOf('-');
    return name.slice(0, at) === tenant && /^\d+$/.test(name.slice(at + 1)) ? [Number(name.slice(at + 1))] : [];
  });
  return times
    .toSorted((one, other) => one - other)
    .map((time) => keyWithin(join(folder, `${tenant}-${time}`)))
    .filter((file) => existsSync(file));
}
