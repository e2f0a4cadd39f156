/** The bucket through the GCS API, on a server of it. */
import { randomUUID } from 'node:crypto';
import { bucketSuite } from '@opencrane/agent/bucket/bucket.suite.ts';
import { GcsBucket } from '@opencrane/agent/bucket/gcs-bucket.ts';
import { anonymous } from '@opencrane/agent/bucket/google-credentials.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { startGcsServer } from '../fixtures/gcs/gcs-server.ts';

const ports = { clock: systemClock, random: () => 0, newId: randomUUID, stallMillis: 5_000 };

bucketSuite(
  'a bucket on GCS',
  async () => {
    const server = await startGcsServer();
    if ('skip' in server) return server;
    return {
      async empty() {
        const target = { bucket: await server.bucket(), endpoint: new URL(server.url), authorize: anonymous };
        return { open: () => new GcsBucket(target, ports) };
      },
      end: () => server.stop(),
    };
  },
  { many: 3000 },
);
