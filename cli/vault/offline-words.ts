/**
 * What the program that opens a vault without a coordinator says, a line of JSON at a time:
 *
 *   {"progress": Progress}…      then, last, {"result": …} or {"error": {code, reason, message, field, mend}}
 */
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { errorCodeNamed, messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { type Progress, ProgressSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type VaultResult, VaultResultSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { z } from 'zod';

/** A word of it. */
export type OfflineWord =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'error'; readonly error: OpenCraneError };

const errorSchema = z.object({
  code: z.string(),
  reason: z.string(),
  message: z.string(),
  field: z.string().default(''),
  mend: z.string().default(''),
});

const lineSchema = z.union([
  z.object({ progress: z.json() }),
  z.object({ result: z.json() }),
  z.object({ error: errorSchema }),
]);

/** Reads a line; throws `internal` when it is none of these. */
export function readOfflineWord(line: string): OfflineWord {
  try {
    const word = lineSchema.parse(JSON.parse(line));
    if ('error' in word) return { kind: 'error', error: toError(word.error) };
    if ('result' in word) return { kind: 'result', result: word.result };
    return { kind: 'progress', progress: fromJson(ProgressSchema, json(word.progress), { ignoreUnknownFields: true }) };
  } catch (cause) {
    throw garbled(line, cause);
  }
}

/** Reads the result of a VaultCommand; throws `internal` when it is none. */
export function readVaultResult(result: unknown): VaultResult {
  return reading(result, () => fromJson(VaultResultSchema, json(result)));
}

/** Reads any other result; throws `internal` when it is none. */
export function readResult<Schema extends z.ZodType>(schema: Schema, result: unknown): z.output<Schema> {
  return reading(result, () => schema.parse(result));
}

function reading<T>(result: unknown, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw garbled(JSON.stringify(result), cause);
  }
}

function garbled(text: string, cause: unknown): OpenCraneError {
  const what = `reading what the vault program said, "${text.slice(0, 200)}": ${messageOf(cause)}`;
  return new OpenCraneError('internal', 'offline_garbled', what, { cause, mend: 'report it' });
}

/** zod's JSON and protobuf's differ only in the names of their types. */
function json(value: unknown): JsonValue {
  return value as JsonValue;
}

function toError({ code, reason, message, field, mend }: z.output<typeof errorSchema>): OpenCraneError {
  return new OpenCraneError(errorCodeNamed(code) ?? 'internal', reason, message, { field, mend });
}
