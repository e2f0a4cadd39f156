/** Requests from the wire: decoded and checked by the rules in the contracts, or refused in words. */
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { messageOf, OpenCraneError } from '../errors.ts';

const patterns = new Map<string, RegExp>();

// The patterns are the contracts' own and short; the platform's RegExp reads them many times faster than RE2 in JavaScript.
const validator = createValidator({
  failFast: true,
  regexMatch: (pattern, text) => compiled(pattern).test(text),
});

/** Decodes and checks a message; throws `invalid_argument` with the field that is wrong. */
export function decodeRequest<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  const message = decode(schema, bytes);
  const result = validator.validate(schema, message);
  if (result.kind === 'valid') return message;
  if (result.kind === 'error') throw result.error; // a rule that does not compile is our own mistake
  const [violation] = result.violations;
  const field = violation === undefined ? '' : pathToString(violation.field);
  throw new OpenCraneError(
    'invalid_argument',
    'message_invalid',
    `reading a ${schema.name}: ${field}: ${violation?.message ?? 'not valid'}`,
    { field, mend: 'see the rules in proto/definitions' },
  );
}

function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    const what = `reading a ${schema.name} of ${bytes.byteLength} bytes: ${messageOf(cause)}`;
    throw new OpenCraneError('invalid_argument', 'message_garbled', what, {
      cause,
      mend: 'send a protobuf message of this type',
    });
  }
}

function compiled(pattern: string): RegExp {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  const fresh = new RegExp(pattern, 'u');
  patterns.set(pattern, fresh);
  return fresh;
}
