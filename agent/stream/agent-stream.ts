/**
 * One stream to the coordinator, from dialing to its end. It knows nothing of other streams; the link makes another.
 *
 * Messages leave one at a time, each when grpc-js has handed the one before to the network, so that what is newer takes
 * the place of what still waits in the outbox.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Client, ClientDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import { grpcMethod } from '@opencrane/kit/grpc/service-definition.ts';
import { fromGrpcError } from '@opencrane/kit/grpc/status.ts';
import {
  AgentService,
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
  type Goodbye,
  GoodbyeReasonSchema,
  type HelloSchema,
  type Welcome,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Dialed } from './dial.ts';
import type { Ending } from './link-state.ts';
import type { OutgoingMessage } from './outbox.ts';

/** What a stream needs from the link. */
export type StreamPorts = {
  readonly hello: () => MessageInitShape<typeof HelloSchema>;
  /** Takes out what goes next; undefined when nothing waits. */
  readonly next: () => OutgoingMessage | undefined;
  /** The hello was accepted. */
  readonly onWelcome: () => void;
  /** Everything else the coordinator says. */
  readonly onMessage: (message: ConnectResponse['message']) => void;
  /** It is time for a sign of life. */
  readonly onBeat: () => void;
  readonly clock: Clock;
};

/** From dialing to the welcome. */
const WELCOME_MILLIS = 15_000;

const { path, requestSerialize, responseDeserialize } = grpcMethod(AgentService.method.connect);

/** The stream. */
export class AgentStream {
  /** Resolves when it is over; never rejects. */
  readonly ended: Promise<Ending>;
  readonly #resolveEnded: (ending: Ending) => void;
  readonly #ports: StreamPorts;
  readonly #client: Client;
  readonly #call: ClientDuplexStream<ConnectRequest | Encoded, ConnectResponse>;
  readonly #over = new AbortController();
  #sequence = 0n;
  #writing = false;
  #heartbeatMillis = 0;
  #heardAt = 0;

  constructor({ client, metadata }: Dialed, ports: StreamPorts) {
    const { promise, resolve } = Promise.withResolvers<Ending>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.#ports = ports;
    this.#client = client;
    this.#call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    this.#call.on('data', (response: ConnectResponse) => this.#take(response));
    this.#call.on('error', (cause) => this.#end({ why: fromGrpcError(cause).message }));
    this.#call.on('end', () => this.#end({ why: 'the coordinator ended the stream' }));
    this.#send({ case: 'hello', value: ports.hello() });
    void this.#awaitWelcome();
  }

  /** Sends what waits, now or as soon as it can be sent. */
  pump(): void {
    if (this.#writing || this.#heartbeatMillis === 0 || this.#over.signal.aborted) return;
    const message = this.#ports.next();
    if (message !== undefined) this.#send(message);
  }

  /** Ends it from our side. */
  close(why: string): void {
    this.#end({ why });
  }

  #send(message: OutgoingMessage): void {
    this.#sequence += 1n;
    this.#writing = true;
    this.#call.write(create(ConnectRequestSchema, { sequence: this.#sequence, message }), () => {
      this.#writing = false;
      this.pump();
    });
  }

  #take({ message }: ConnectResponse): void {
    if (this.#over.signal.aborted) return;
    this.#heardAt = this.#ports.clock.monotonic();
    if (message.case === 'welcome') this.#onWelcome(message.value);
    else if (message.case === 'goodbye') this.#onGoodbye(message.value);
    else this.#ports.onMessage(message);
  }

  /** The first accepts the hello, later ones answer heartbeats. */
  #onWelcome({ heartbeatIntervalMillis }: Welcome): void {
    const first = this.#heartbeatMillis === 0;
    this.#heartbeatMillis = Math.max(1_000, Number(heartbeatIntervalMillis));
    if (!first) return;
    this.#ports.onWelcome();
    void this.#beat();
    this.pump();
  }

  #onGoodbye({ reason, reconnectAfterMillis }: Goodbye): void {
    const name = GoodbyeReasonSchema.value[reason]?.localName.toLowerCase() ?? 'no reason';
    this.#end({ why: `the coordinator said goodbye: ${name}`, reconnectAfterMillis: Number(reconnectAfterMillis) });
  }

  async #awaitWelcome(): Promise<void> {
    await this.#pause(WELCOME_MILLIS);
    if (this.#heartbeatMillis === 0) this.#end({ why: 'the coordinator did not answer the hello' });
  }

  async #beat(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await this.#pause(this.#heartbeatMillis);
      if (this.#over.signal.aborted) return;
      // Every heartbeat is answered, so this much silence means that the coordinator, or the way to it, is gone.
      const silence = this.#ports.clock.monotonic() - this.#heardAt;
      if (silence > this.#heartbeatMillis * 2.5) this.#end({ why: 'the coordinator fell silent' });
      this.#ports.onBeat();
      this.pump();
    }
  }

  async #pause(millis: number): Promise<void> {
    await this.#ports.clock.sleep(millis, this.#over.signal).catch(() => {});
  }

  #end(ending: Ending): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#call.cancel();
    this.#client.close();
    this.#resolveEnded(ending);
  }
}
