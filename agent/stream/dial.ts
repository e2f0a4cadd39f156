/** Connections to the coordinator. */
import { readFile } from 'node:fs/promises';
import { type ChannelOptions, Client, credentials, Metadata } from '@grpc/grpc-js';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { isGrpcProxied } from '@opencrane/kit/proxy.ts';

/** One connection with what its calls must carry. */
export type Dialed = { readonly client: Client; readonly metadata: Metadata };

/** Where and as whom to connect. */
export type DialOptions = { readonly address: string; readonly tokenFile: string };

/**
 * Makes a client of its own connection; closing it closes the connection. Its pings notice a coordinator that stands
 * still: 20 s and 10 s are below the idle limits of the usual proxies.
 */
export async function dial({ address, tokenFile }: DialOptions, more: ChannelOptions = {}): Promise<Dialed> {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${await readToken(tokenFile)}`);
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': isGrpcProxied(address) ? 1 : 0, // by itself it would take any proxy of the environment
    ...more,
  });
  return { client, metadata };
}

/** How long connecting may take: a coordinator that stands still accepts connections and says nothing. */
const CONNECT_MILLIS = 15_000;

/** Resolves when the connection is there; throws `unavailable` when it does not come to be. `what` it is for, such as `a blob`. */
export function connected({ client }: Dialed, what: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      client.close();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    client.waitForReady(Date.now() + CONNECT_MILLIS, (cause) => {
      signal.removeEventListener('abort', onAbort);
      if (cause === undefined) return resolve();
      const message = `connecting to the coordinator for ${what}: ${messageOf(cause)}`;
      const mend = 'see whether the coordinator runs; a bundle is tried again by itself';
      reject(new OpenCraneError('unavailable', 'coordinator_unreachable', message, { cause, mend }));
    });
  });
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new OpenCraneError('unauthenticated', 'token_unreadable', `reading the agent's token: ${messageOf(cause)}`, {
      cause,
      field: file,
      mend: 'whoever starts the agent puts its token there',
    });
  }
}
