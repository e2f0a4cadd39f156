/** From a bucket's address (kit/bucket-address.ts) to the bucket. */
import type { BucketAddress } from '@opencrane/kit/bucket-address.ts';
import type { ErasableBucket } from './bucket.ts';
import { DirectoryBucket } from './directory-bucket.ts';
import { GcsBucket, type GcsBucketPorts } from './gcs-bucket.ts';
import { anonymous, googleCredentials } from './google-credentials.ts';

/** What a bucket of either kind takes. */
export type BucketPorts = Omit<GcsBucketPorts, 'stallMillis'>;

/** Longer than GCS takes to answer when all is well, shorter than a person waits. */
const STALL_MILLIS = 20_000;

/** Opens the bucket at an address. Nothing is asked of it yet. */
export function openBucket(address: BucketAddress, ports: BucketPorts): ErasableBucket {
  switch (address.kind) {
    case 'folder':
      return new DirectoryBucket(address.path, ports);
    case 'gcs': {
      const authorize = isGoogle(address.endpoint) ? googleCredentials() : anonymous;
      return new GcsBucket({ ...address, authorize }, { ...ports, stallMillis: STALL_MILLIS });
    }
  }
}

/** Tokens are for Google, over TLS, and for nobody else. */
function isGoogle({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' && hostname.endsWith('.googleapis.com');
}
