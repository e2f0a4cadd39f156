/**
 * A bucket's address, as the settings of agents and coordinators and the command line have it:
 *
 *   gs://acme-jente                                  Google Cloud Storage, as whoever this process is for Google
 *   gs://acme-jente?endpoint=http://127.0.0.1:4443   another server of the same API; credentials only go to Google's
 *   /data/openclaw, ./bucket, file:///data/openclaw  a folder
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OpenCraneError } from './errors.ts';

/** Where a bucket is. */
export type BucketAddress =
  | { readonly kind: 'gcs'; readonly bucket: string; readonly endpoint: URL }
  | { readonly kind: 'folder'; readonly path: string };

const GOOGLE = new URL('https://storage.googleapis.com');

/** https://cloud.google.com/storage/docs/buckets#naming */
const BUCKET_NAME = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/;

/** Reads an address; throws `invalid_argument`. `field` is the setting or option it came from. */
export function parseBucketAddress(text: string, field: string): BucketAddress {
  if (isPath(text)) return { kind: 'folder', path: resolve(text) };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'file:') return { kind: 'folder', path: folderOf(url, text, field) };
  if (url?.protocol === 'gs:') return gcsAddress(url, text, field);
  throw refused(text, field, 'is neither a folder nor a bucket', 'write /a/folder, ./a/folder or gs://a-bucket');
}

/** What has a slash and no scheme before it. A single word may be meant as a bucket, and is asked about. */
function isPath(text: string): boolean {
  return /^\.{0,2}\/|^\.{1,2}$/.test(text) || (text.includes('/') && !/^[a-z][a-z0-9+.-]*:/i.test(text));
}

function gcsAddress(url: URL, text: string, field: string): BucketAddress {
  const { host, pathname, searchParams, username, hash } = url;
  if (!BUCKET_NAME.test(host)) throw refused(text, field, 'names no bucket', 'write gs:// and the bucket’s name');
  if (!['', '/'].includes(pathname) || username !== '' || hash !== '') {
    throw refused(text, field, 'names more than a bucket', `a tenant has a whole bucket: write gs://${host}`);
  }
  const unknown = [...searchParams.keys()].find((key) => key !== 'endpoint');
  if (unknown !== undefined) throw refused(text, field, `has an option "${unknown}"`, 'the one option is "endpoint"');
  return { kind: 'gcs', bucket: host, endpoint: endpointOf(searchParams.get('endpoint'), text, field) };
}

function endpointOf(endpoint: string | null, text: string, field: string): URL {
  if (endpoint === null) return GOOGLE;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
  if (plain) return url;
  throw refused(text, field, 'has an endpoint that is no server', 'write it as https://host or http://host:port');
}

function folderOf(url: URL, text: string, field: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw refused(text, field, 'is no folder of this machine', 'write file:///a/folder', cause);
  }
}

function refused(text: string, field: string, why: string, mend: string, cause?: unknown): OpenCraneError {
  return new OpenCraneError(
    'invalid_argument',
    'bucket_address_invalid',
    `the bucket's address ${JSON.stringify(text.slice(0, 200))} ${why}`,
    { field, mend, cause },
  );
}
