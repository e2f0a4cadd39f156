/** Bare grpc-js: what the library costs without a session on top. Messages stay bytes. */

import { toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { ConnectResponseSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { type BenchServer, plainReceiptStored } from './bench-server.ts';
import { offerOf, plainResponses } from './wire.ts';

type Call = ServerDuplexStream<Buffer, Buffer>;

const asIs = (bytes: Buffer) => bytes;

/** Starts it. */
export async function startBareGrpc(): Promise<BenchServer> {
  const calls = new Set<Call>();
  let receipts = 0;
  const connect = (call: Call) => {
    let greeted = false;
    call.on('data', (message: Buffer) => {
      if (greeted) {
        receipts += 1;
        call.write(plainReceiptStored(message));
      } else {
        greeted = true;
        calls.add(call);
        call.write(Buffer.from(plainResponses.welcome));
      }
    });
    call.on('error', () => {});
    call.once('cancelled', () => calls.delete(call));
  };
  const server = new Server({ 'grpc.enable_channelz': 0 });
  const definition = {
    path: '/opencrane.v1.AgentService/Connect',
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  server.addService({ Connect: definition }, { Connect: connect });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (cause, bound) =>
      cause === null ? resolve(bound) : reject(cause),
    );
  });
  return {
    port,
    push(push) {
      const offer = Buffer.from(toBinary(ConnectResponseSchema, offerOf(push)));
      for (const call of calls) call.write(offer);
    },
    receipts: () => receipts,
  };
}
