/** `openclaw config validate`, `openclaw config schema`, and what `openclaw doctor --fix` does to a configuration. */
import { existsSync, readFileSync } from 'node:fs';
import type { Build } from '../build.ts';
import { judge, stamped, writeConfig } from '../config/config-file.ts';
import { schemaOf, withoutUnknown } from '../config/rules.ts';
import { schema } from '../config/schema.ts';
import { isEqual, isObject } from '../json.ts';
import type { Place } from '../place.ts';
import { type Answer, asJson } from './answers.ts';

/** Says whether the configuration file is valid. */
export function validateConfig({ config: path }: Place): Answer {
  if (!existsSync(path)) {
    return asJson({ ok: false, error: { type: 'cli_error', message: 'file not found' }, valid: false, path }, 1);
  }
  const { issues } = judge(readFileSync(path, 'utf8'));
  if (issues.length === 0) return { code: 0, output: `${JSON.stringify({ valid: true, path, warnings: [] })}\n` };
  const error = { type: 'cli_error', message: `OpenClaw config is invalid: ${path}` };
  const named = issues.map((issue) => ({ ...issue, path: issue.path === '' ? '<root>' : issue.path }));
  return asJson({ ok: false, error, valid: false, path, issues: named }, 1);
}

/** The configuration's JSON Schema. */
export function printSchema(): Answer {
  return asJson({ $schema: 'http://json-schema.org/draft-07/schema#', ...(schemaOf(schema) as object) });
}

/** Takes keys out that nobody knows; what else is wrong stays. */
export function fixConfig(place: Place, { version }: Build): Answer {
  const { parsed } = judge(existsSync(place.config) ? readFileSync(place.config, 'utf8') : '{}');
  const fixed = withoutUnknown(schema, parsed ?? {});
  if (parsed === undefined || !isObject(fixed) || isEqual(fixed, parsed))
    return { code: 0, output: 'Doctor complete.\n' };
  writeConfig(place, stamped(fixed, version));
  return { code: 0, output: `Updated config: ${place.config}\nDoctor complete.\n` };
}
