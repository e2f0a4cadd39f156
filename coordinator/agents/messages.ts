/** What the coordinator says on a stream, besides offers. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import {
  type CommandSchema,
  type ConnectResponse,
  ConnectResponseSchema,
  type GoodbyeReason,
  GoodbyeReasonSchema,
  type RuntimeAnswer,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';

/** Accepts a hello. */
export function welcome(sessionId: string, heartbeatIntervalMillis: number): ConnectResponse {
  const value = { sessionId, heartbeatIntervalMillis: BigInt(heartbeatIntervalMillis) };
  return create(ConnectResponseSchema, { message: { case: 'welcome', value } });
}

/** Asks for everything the coordinator may have missed. One for all. */
export const requestFullState = Encoded.from(
  ConnectResponseSchema,
  create(ConnectResponseSchema, { message: { case: 'requestFullState', value: {} } }),
);

/** Tells that a receipt need not be sent again. */
export const receiptStored = Encoded.template(ConnectResponseSchema, (receiptId) =>
  create(ConnectResponseSchema, { message: { case: 'receiptStored', value: { receiptId } } }),
);

/** Answers a tenant's `openclaw update`. */
export function runtimeAnswer(answer: Omit<RuntimeAnswer, '$typeName' | '$unknown'>): ConnectResponse {
  return create(ConnectResponseSchema, { message: { case: 'runtimeAnswer', value: answer } });
}

/** What can be ordered of an agent. */
export type Order = Exclude<
  NonNullable<MessageInitShape<typeof CommandSchema>['command']>,
  { readonly case?: undefined }
>;

/** Orders something. */
export function command(commandId: string, order: Order): ConnectResponse {
  return create(ConnectResponseSchema, { message: { case: 'command', value: { commandId, command: order } } });
}

/** The last word on a stream. */
export function goodbye(reason: GoodbyeReason, reconnectAfterMillis: number): ConnectResponse {
  const value = { reason, reconnectAfterMillis: BigInt(Math.ceil(reconnectAfterMillis)) };
  return create(ConnectResponseSchema, { message: { case: 'goodbye', value } });
}

/** The reason as logs and metrics spell it: `shutdown`, `max_age`. */
export function reasonName(reason: GoodbyeReason): string {
  return GoodbyeReasonSchema.value[reason]?.localName.toLowerCase() ?? 'unspecified';
}
