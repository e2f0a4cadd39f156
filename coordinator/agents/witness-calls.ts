/** Vouch and GrantTakeOver: an agent asks what the coordinator says about its tenant's lease. */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { decodeRequest } from '@opencrane/kit/grpc/decode-request.ts';
import { toGrpcStatus } from '@opencrane/kit/grpc/status.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import {
  GrantTakeOverRequestSchema,
  GrantTakeOverResponseSchema,
  type Holding,
  VouchRequestSchema,
  VouchResponseSchema,
} from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { bearerToken } from './bearer.ts';
import type { AgentTokenVerifier, HoldingAsked, LeaseWitness } from './ports.ts';

/** What the calls need. */
export type WitnessCallsPorts = {
  readonly verifier: AgentTokenVerifier;
  readonly witness: LeaseWitness;
  readonly log: Logger;
  /** Is told whose request has come. */
  readonly asked: (peer: string) => void;
};

/** A call. The request is bytes: see kit/grpc/decode-request.ts. */
type Unary = (call: ServerUnaryCall<Buffer, unknown>, respond: sendUnaryData<unknown>) => void;

/** The two methods, keyed by their names. */
export function witnessCalls(ports: WitnessCallsPorts): Record<'Vouch' | 'GrantTakeOver', Unary> {
  const { witness } = ports;
  return {
    Vouch: unary(ports, VouchRequestSchema, VouchResponseSchema, async (tenant, { holding, vouchMillis }) => ({
      vouched: await witness.vouch(tenant, named(holding), Number(vouchMillis)),
    })),
    GrantTakeOver: unary(
      ports,
      GrantTakeOverRequestSchema,
      GrantTakeOverResponseSchema,
      async (tenant, { holding }) => ({
        granted: await witness.grant(tenant, named(holding)),
      }),
    ),
  };
}

function unary<Input extends DescMessage, Output extends DescMessage>(
  { verifier, log, asked }: WitnessCallsPorts,
  input: Input,
  output: Output,
  answer: (tenant: string, request: MessageShape<Input>) => Promise<MessageInitShape<Output>>,
): Unary {
  const serve: (...call: Parameters<Unary>) => Promise<void> = async (call, respond) => {
    let tenant = '';
    asked(call.getPeer());
    try {
      ({ tenant } = await verifier.verify(bearerToken(call.metadata)));
      respond(null, create(output, await answer(tenant, decodeRequest(input, call.request))));
    } catch (cause) {
      log.info({ err: cause, tenant }, 'a question about the lease was not answered');
      respond(toGrpcStatus(cause, 'answering about the lease'));
    }
  };
  return (call, respond) => void serve(call, respond);
}

/** The contract requires it; the types do not say so. */
function named(holding: Holding | undefined): HoldingAsked {
  if (holding !== undefined) {
    return { epoch: Number(holding.epoch), serial: Number(holding.serial), witness: holding.witness };
  }
  throw new OpenCraneError('internal', 'internal', 'a question about the lease without a holding passed its check');
}
