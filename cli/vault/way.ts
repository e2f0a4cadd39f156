/** The two ways to a vault: through its tenant's agent, or with only the bucket and its key. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import type { Option } from '../command.ts';

/** Which way. */
export type Way = { readonly kind: 'tenant'; readonly tenant: string } | ({ readonly kind: 'bucket' } & BucketWay);

/** A bucket and what opens the vault in it. */
export type BucketWay = { readonly bucket: string; readonly keyFile: string };

/** The options that say which. */
export const wayOptions: readonly Option[] = [
  { flags: '--tenant <tenant>', summary: 'the vault of this tenant, through its agent' },
  { flags: '--bucket <address>', summary: 'the vault in this bucket, without a coordinator: a folder, or gs://NAME…' },
  { flags: '--key-file <file>', summary: '…with the key in this file' },
];

/** The options of commands that have only the second way. */
export const bucketOptions: readonly Option[] = [
  { flags: '--bucket <address>', summary: 'the vault in this bucket: a folder, or gs://NAME' },
  { flags: '--key-file <file>', summary: 'its key' },
];

/** What those are once typed. */
export const bucketShape = {
  bucket: z.string({ error: 'an address is needed' }).min(1, 'an address is needed'),
  keyFile: z.string({ error: 'a file is needed' }).min(1, 'a file is needed'),
};

/** What they are once typed. */
export const wayShape = {
  tenant: z.string().min(1, 'a name is needed').optional(),
  bucket: z.string().min(1, 'an address is needed').optional(),
  keyFile: z.string().min(1, 'a file is needed').optional(),
};

type Typed = {
  readonly tenant?: string | undefined;
  readonly bucket?: string | undefined;
  readonly keyFile?: string | undefined;
};

const MEND = 'say either --tenant NAME, or --bucket ADDRESS together with --key-file FILE';

/** The one way that was typed; none, both or half a way are an error. */
export function readWay({ tenant, bucket, keyFile }: Typed): Way {
  const offline = bucket !== undefined || keyFile !== undefined;
  if (tenant !== undefined && offline) throw unclear('both a tenant and a bucket are named', 'tenant');
  if (tenant !== undefined) return { kind: 'tenant', tenant };
  if (bucket !== undefined && keyFile !== undefined) return { kind: 'bucket', bucket, keyFile };
  if (bucket !== undefined) throw unclear('a bucket is named, and no file with its key', 'key-file');
  if (keyFile !== undefined) throw unclear('a file with a key is named, and no bucket', 'bucket');
  throw unclear('no vault is named', 'tenant');
}

/** The way as it is typed, for commands that are proposed. */
export function wayWords(way: Way): string {
  return way.kind === 'tenant' ? `--tenant ${way.tenant}` : `--bucket ${way.bucket} --key-file ${way.keyFile}`;
}

function unclear(what: string, field: string): OpenCraneError {
  return new OpenCraneError('invalid_argument', 'vault_unclear', what, { field, mend: MEND });
}
