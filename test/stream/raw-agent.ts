/** An agent that says exactly what a test tells it to, right or wrong. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import { grpcMethod } from '@opencrane/kit/grpc/service-definition.ts';
import { fromGrpcError } from '@opencrane/kit/grpc/status.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import {
  AgentService,
  ConnectRequestSchema,
  type ConnectResponse,
  type HelloSchema,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';

type Said = NonNullable<MessageInitShape<typeof ConnectRequestSchema>['message']>;
type Heard<Case> = Extract<ConnectResponse['message'], { case: Case }>;

const { path, responseDeserialize } = grpcMethod(AgentService.method.connect);

/** How a raw agent comes. */
export type RawAgentOptions = { readonly token?: string; readonly tenant?: string };

/** A raw agent. */
export class RawAgent {
  readonly heard: ConnectResponse['message'][] = [];
  status: StatusObject | undefined;
  readonly call: ClientDuplexStream<Buffer, ConnectResponse>;
  readonly #client: Client;
  readonly #tenant: string;
  #sequence = 0n;

  constructor(address: string, { tenant = 'jente', token = `token-of-${tenant}` }: RawAgentOptions = {}) {
    this.#tenant = tenant;
    const metadata = new Metadata();
    if (token !== '') metadata.set('authorization', `Bearer ${token}`);
    this.#client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    this.call = this.#client.makeBidiStreamRequest(path, (bytes: Buffer) => bytes, responseDeserialize, metadata);
    this.call.on('data', ({ message }: ConnectResponse) => this.heard.push(message));
    this.call.on('error', () => {});
    this.call.on('status', (status: StatusObject) => {
      this.status = status;
    });
  }

  /** Sends bytes as they are. */
  bytes(bytes: Uint8Array): void {
    this.call.write(Buffer.from(bytes));
  }

  /** Says something under the next sequence number, or the one given. */
  say(message: Said, sequence = this.#sequence + 1n): void {
    this.#sequence = sequence;
    this.bytes(toBinary(ConnectRequestSchema, create(ConnectRequestSchema, { sequence, message })));
  }

  hello(more: MessageInitShape<typeof HelloSchema> = {}): void {
    const capabilities = [Kind.CONFIG, Kind.RUNTIME];
    const value = {
      tenant: this.#tenant,
      instanceId: 'instance-1',
      agentVersion: '1',
      protocolVersion: 1,
      capabilities,
    };
    this.say({ case: 'hello', value: { ...value, ...more } });
  }

  /** What was said to it of one kind. */
  all<Case extends ConnectResponse['message']['case']>(kind: Case): Heard<Case>[] {
    return this.heard.filter((message): message is Heard<Case> => message.case === kind);
  }

  /** Waits until something of a kind was said, `count` times. */
  hear<Case extends ConnectResponse['message']['case']>(kind: Case, count = 1): Promise<Heard<Case>> {
    return awaitFact(`the coordinator says ${kind} ${count} times`, () => this.all(kind)[count - 1], quick);
  }

  /** Waits for the end of the stream: the error's reason, or `ok`. */
  async ended(): Promise<string> {
    const status = await awaitFact('the stream ends', () => this.status, quick);
    if (status.code === 0) return 'ok';
    return fromGrpcError(Object.assign(new Error(status.details), status)).reason;
  }

  close(): void {
    this.call.cancel();
    this.#client.close();
  }
}

const quick = { withinMillis: 10_000, everyMillis: 5 };
