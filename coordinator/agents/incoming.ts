/** What every message of an agent must satisfy beyond its own fields. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ConnectRequest, Hello } from '@opencrane/proto/opencrane/v1/agent_pb.ts';

const PROTOCOL_VERSION = 1;

/** The hello that must come first, from the tenant that the token names. */
export function checkHello({ sequence, message }: ConnectRequest, tokensTenant: string): Hello {
  if (message.case !== 'hello') {
    const what = `a stream begins with a hello, not with a ${message.case}`;
    throw new OpenCraneError('invalid_argument', 'hello_missing', what, { field: 'hello', mend: 'send a Hello first' });
  }
  if (sequence !== 1n) throw outOfOrder(1n, sequence);
  const { tenant, protocolVersion } = message.value;
  if (tenant !== tokensTenant) {
    const what = `the token is ${tokensTenant}'s, the hello says ${tenant}`;
    throw new OpenCraneError('permission_denied', 'tenant_mismatch', what, {
      field: 'hello.tenant',
      mend: 'connect with the token of that tenant',
    });
  }
  if (protocolVersion !== PROTOCOL_VERSION) {
    const what = `the agent speaks protocol ${protocolVersion}, this coordinator ${PROTOCOL_VERSION}`;
    throw new OpenCraneError('failed_precondition', 'protocol_unsupported', what, {
      field: 'hello.protocol_version',
      mend: 'run an agent and a coordinator of versions that fit',
    });
  }
  return message.value;
}

/** Watches the sequence numbers: a gap is asked about once, going back is refused. */
export class SequenceCheck {
  #last = 0n;
  #asked = false;

  begin(sequence: bigint): void {
    this.#last = sequence;
  }

  /** `ask` when something was missed and the full state must be asked for. */
  next(sequence: bigint): 'fine' | 'ask' {
    const expected = this.#last + 1n;
    if (sequence < expected) throw outOfOrder(expected, sequence);
    this.#last = sequence;
    if (sequence === expected || this.#asked) return 'fine';
    this.#asked = true;
    return 'ask';
  }

  /** The full state has come. */
  answered(): void {
    this.#asked = false;
  }
}

function outOfOrder(expected: bigint, sequence: bigint): OpenCraneError {
  const what = `message ${sequence} came where ${expected} was due`;
  return new OpenCraneError('invalid_argument', 'sequence_out_of_order', what, {
    field: 'sequence',
    mend: 'count the messages of a stream up from 1',
  });
}
