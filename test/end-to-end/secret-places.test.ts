/** The names that tell secrets, held to what the schema of the real OpenClaw marks as secrets. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isSecretPlace } from '@opencrane/kit/secret-values.ts';
import { openclawRuntime } from '../fixtures/openclaw-runtime.ts';
import { versions } from '../fixtures/runtime-seed.ts';

type Schema = {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
};

/** A reference to a secret may stand wherever a secret may. */
function takesReference({ properties = {}, anyOf = [], oneOf = [] }: Schema): boolean {
  return ['source', 'provider', 'id'].every((key) => key in properties) || [...anyOf, ...oneOf].some(takesReference);
}

function secretPlaces(schema: Schema, path: readonly string[] = []): readonly (readonly string[])[] {
  const { properties = {}, additionalProperties, items, anyOf = [], oneOf = [], allOf = [] } = schema;
  return [
    ...(takesReference(schema) ? [path] : []),
    ...Object.entries(properties).flatMap(([key, child]) => secretPlaces(child, [...path, key])),
    ...(typeof additionalProperties === 'object' ? secretPlaces(additionalProperties, [...path, 'any']) : []),
    ...(items ? secretPlaces(items, [...path, '0']) : []),
    ...[...anyOf, ...oneOf, ...allOf].flatMap((each) => secretPlaces(each, path)),
  ];
}

test('every place that OpenClaw’s schema marks as a secret is one to us', { timeout: 120_000 }, async () => {
  const runtime = await openclawRuntime(versions.current, 'real');
  const home = mkdtempSync(join(tmpdir(), 'opencrane-schema-'));
  const entry = join(runtime, 'lib', 'node_modules', 'openclaw', 'openclaw.mjs');
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    TMPDIR: home,
    OPENCLAW_STATE_DIR: home,
    OPENCLAW_OFFLINE: '1',
  };
  const options = { env, cwd: home, maxBuffer: 16 * 1024 ** 2, encoding: 'utf8' } as const;
  const schema: Schema = JSON.parse(execFileSync(process.execPath, [entry, 'config', 'schema'], options));
  rmSync(home, { recursive: true, force: true });
  const places = secretPlaces(schema);
  assert.ok(places.length > 100, `${places.length} places`);
  const unknown = places.filter((path) => !isSecretPlace(path)).map((path) => path.join('.'));
  assert.deepEqual([...new Set(unknown)], []);
});
