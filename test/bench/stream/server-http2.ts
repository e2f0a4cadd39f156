/** Raw `node:http2`: the same bytes with nothing around them. It reads no more of a message than its length and its end. */
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { toBinary } from '@bufbuild/protobuf';
import { ConnectResponseSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { type BenchServer, plainReceiptStored } from './bench-server.ts';
import { framed, offerOf, plainResponses } from './wire.ts';

/** Starts it. */
export async function startRawHttp2(): Promise<BenchServer> {
  const streams = new Set<ServerHttp2Stream>();
  const welcome = framed(plainResponses.welcome);
  let receipts = 0;
  const server = createServer();
  server.on('stream', (stream) => {
    let rest: Buffer = Buffer.alloc(0);
    let greeted = false;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' });
    stream.on('data', (bytes: Buffer) => {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1);
        if (greeted) {
          receipts += 1;
          stream.write(framed(plainReceiptStored(rest.subarray(5, end))));
        } else {
          greeted = true;
          streams.add(stream);
          stream.write(welcome);
        }
        rest = rest.subarray(end);
      }
    });
    stream.on('error', () => {});
    stream.once('close', () => streams.delete(stream));
  });
  await new Promise<void>((resolve) => void server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
  return {
    port: (server.address() as AddressInfo).port, // a TCP server that listens has one
    push(push) {
      const offer = framed(toBinary(ConnectResponseSchema, offerOf(push)));
      for (const stream of streams) stream.write(offer);
    },
    receipts: () => receipts,
  };
}
