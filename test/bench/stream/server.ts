/** A server of the bench, in a process of its own so that its memory is measured alone. Its variant is its argument. */
import type { BenchServer } from './bench-server.ts';
import { startBareGrpc } from './server-grpc-js.ts';
import { startRawHttp2 } from './server-http2.ts';
import { startSessions } from './server-session.ts';

const variants: Record<string, () => Promise<BenchServer>> = {
  session: startSessions,
  'grpc-js': startBareGrpc,
  http2: startRawHttp2,
};

const server = await variants[process.argv[2] ?? '']?.();
if (server === undefined) throw new Error(`no variant ${process.argv[2]}`);

process.on('message', (order: { readonly push: number } | 'cpu' | 'memory') => {
  if (typeof order === 'object') return server.push(order.push);
  if (order === 'memory') globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  process.send?.({ rssBytes: process.memoryUsage.rss(), cpuMicros: user + system, receipts: server.receipts() });
});
process.send?.({ port: server.port });
process.once('disconnect', () => process.exit(0)); // an orderly end, so that a profile is written
