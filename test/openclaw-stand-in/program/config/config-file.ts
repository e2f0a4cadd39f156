/** OpenClaw's configuration file: what it says, whether that is valid, and how it is written. */
import { createHmac, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import JSON5 from 'json5';
import { isObject, type Json, type JsonObject, sorted } from '../json.ts';
import type { Place } from '../place.ts';
import { resolve } from './document.ts';
import { type Issue, issuesOf } from './rules.ts';
import { schema } from './schema.ts';

/** The file at one moment. */
export type Snapshot = {
  readonly raw: string | undefined;
  /** Undefined when it is not JSON5. */
  readonly parsed: JsonObject | undefined;
  /** With variables replaced. */
  readonly resolved: JsonObject;
  readonly issues: readonly Issue[];
  readonly isValid: boolean;
  /** Changes with the text. */
  readonly hash: string;
  /** Changes with what it says; null while that is not valid. */
  readonly revisionHash: string | null;
};

/** Reads it. */
export function readConfig(place: Place): Snapshot {
  const raw = existsSync(place.config) ? readFileSync(place.config, 'utf8') : undefined;
  const hash = fingerprint(place, raw ?? '');
  const { parsed, issues } = judge(raw ?? '{}');
  const isValid = raw !== undefined && issues.length === 0;
  const resolved = resolve(isValid ? (parsed ?? {}) : {}, place.variables);
  const revisionHash = isValid ? fingerprint(place, JSON.stringify(sorted(resolved))) : null;
  return { raw, parsed, resolved, issues, isValid, hash, revisionHash };
}

/** Writes it whole, with the text from before beside it. */
export function writeConfig(place: Place, document: JsonObject): void {
  if (existsSync(place.config)) writeFileSync(`${place.config}.bak`, readFileSync(place.config), { mode: 0o600 });
  const draft = `${place.config}.${randomBytes(4).toString('hex')}.tmp`;
  writeFileSync(draft, textOf(document), { mode: 0o600 });
  renameSync(draft, place.config);
}

/** Remembers the text with which it served last. */
export function keepLastGood(place: Place, { raw }: Snapshot): void {
  if (raw !== undefined) writeFileSync(`${place.config}.last-good`, raw, { mode: 0o600 });
}

/** What OpenClaw notes in a file that it writes itself. */
export function stamped(document: JsonObject, version: string): JsonObject {
  const migrations = { modelPolicyAllowlist: true, utilityModelSeparation: true };
  const { meta, ...rest } = document;
  return { ...rest, meta: { migrations, ...(isObject(meta) ? meta : {}), lastTouchedVersion: version } };
}

/** A document as OpenClaw writes it. */
export function textOf(document: JsonObject): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** What a text says, and everything that is wrong with it. */
export function judge(raw: string): { readonly parsed: JsonObject | undefined; readonly issues: readonly Issue[] } {
  try {
    const parsed: Json = JSON5.parse(raw);
    return { parsed: isObject(parsed) ? parsed : undefined, issues: issuesOf(schema, parsed) };
  } catch (cause) {
    return { parsed: undefined, issues: [{ path: '', message: `JSON5 parse failed: ${String(cause)}` }] };
  }
}

/** Keyed, so that a hash tells nothing about a secret that it is made of. */
function fingerprint(place: Place, text: string): string {
  const file = join(place.state, 'config-journal-fingerprint.key');
  if (!existsSync(file)) writeFileSync(file, randomBytes(32), { mode: 0o600 });
  return `hmac-sha256:v1:${createHmac('sha256', readFileSync(file)).update(text).digest('base64url')}`;
}
