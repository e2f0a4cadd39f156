/** The document inside an offer, read with suspicion. */
import { isJsonObject, type Json, type JsonObject } from '@opencrane/kit/canonical-json.ts';
import { digestOfJson } from '@opencrane/kit/digest.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Offer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { z } from 'zod';
import { formatPath, leavesOf } from './paths.ts';

const json: z.ZodType<Json> = z.json();

/** Reads it; throws `invalid_argument` when it is not a configuration, or not the one the digest names. */
export function readOfferedDocument({ payload, digest }: Offer): JsonObject {
  if (payload.case !== 'config') throw refused('config_malformed', 'the offer holds no configuration');
  const document = parse(payload.value.document);
  if (digestOfJson(document) !== digest) {
    throw refused('config_digest_wrong', `the configuration offered is not the one of digest ${digest}`);
  }
  const hole = leavesOf(document).find(({ value }) => value === null);
  if (hole !== undefined) {
    const path = formatPath(hole.path);
    throw refused('config_null', `${path} is null, which would take the key away instead of setting it`, path);
  }
  return document;
}

function parse(bytes: Uint8Array): JsonObject {
  try {
    const document = json.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    if (isJsonObject(document)) return document;
  } catch (cause) {
    throw refused('config_malformed', `the configuration offered is not JSON: ${messageOf(cause)}`);
  }
  throw refused('config_malformed', 'the configuration offered is not an object');
}

function refused(reason: string, message: string, field = ''): OpenCraneError {
  return new OpenCraneError('invalid_argument', reason, message, { field, mend: 'correct it and set it again' });
}
