/** Rules for a configuration and what breaks them, in OpenClaw's own words (2026.9.6). */
import { isObject, type Json } from '../json.ts';

/** What a value must be. */
export type Rule =
  | { readonly kind: 'string' | 'number' | 'boolean' | 'anything' }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  | { readonly kind: 'list'; readonly of: Rule }
  | { readonly kind: 'record'; readonly of: Rule }
  | { readonly kind: 'either'; readonly rules: readonly Rule[] }
  | {
      readonly kind: 'shape';
      readonly keys: Readonly<Record<string, Rule>>;
      readonly required: readonly string[];
    };

/** What is wrong, and where. The root's path is empty. */
export type Issue = { readonly path: string; readonly message: string; readonly allowedValues?: readonly string[] };

/** Text. */
export const string: Rule = { kind: 'string' };
/** A number. */
export const number: Rule = { kind: 'number' };
/** True or false. */
export const boolean: Rule = { kind: 'boolean' };
/** Whatever it is. */
export const anything: Rule = { kind: 'anything' };
/** One of these words. */
export const choice = (...values: string[]): Rule => ({ kind: 'choice', values });
/** A list. */
export const list = (of: Rule): Rule => ({ kind: 'list', of });
/** An object with whatever keys. */
export const record = (of: Rule): Rule => ({ kind: 'record', of });
/** One of these rules. */
export const either = (...rules: Rule[]): Rule => ({ kind: 'either', rules });
/** An object with these keys and no others. */
export const shape = (keys: Readonly<Record<string, Rule>>, required: readonly string[] = []): Rule => ({
  kind: 'shape',
  keys,
  required,
});

/** Everything that is wrong with a value. */
export function issuesOf(rule: Rule, value: Json | undefined, path: readonly string[] = []): Issue[] {
  switch (rule.kind) {
    case 'anything':
      return [];
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === rule.kind ? [] : [wrongType(rule.kind, value, path)];
    case 'choice':
      return typeof value === 'string' && rule.values.includes(value) ? [] : [notAllowed(rule.values, path)];
    case 'either':
      return rule.rules.some((each) => issuesOf(each, value, path).length === 0) ? [] : [issue(path, 'Invalid input')];
    case 'list':
      if (!Array.isArray(value)) return [wrongType('array', value, path)];
      return value.flatMap((each, index) => issuesOf(rule.of, each, [...path, String(index)]));
    case 'record':
      if (!isObject(value)) return [wrongType('record', value, path)];
      return Object.entries(value).flatMap(([key, each]) => issuesOf(rule.of, each, [...path, key]));
    case 'shape':
      return isObject(value) ? shapeIssues(rule, value, path) : [wrongType('object', value, path)];
  }
}

/** The rule for a dotted path; undefined when there is no such key. A list's entries are `*`, `[]` or a number. */
export function ruleAt(rule: Rule, path: readonly string[]): Rule | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return rule;
  switch (rule.kind) {
    case 'anything':
      return rule;
    case 'shape': {
      const inner = rule.keys[key];
      return inner && ruleAt(inner, rest);
    }
    case 'record':
    case 'list':
      return ruleAt(rule.of, rest);
    case 'either':
      return rule.rules.map((each) => ruleAt(each, path)).find((found) => found !== undefined);
    default:
      return undefined;
  }
}

/** A value without the keys that its rule does not know. */
export function withoutUnknown(rule: Rule, value: Json): Json {
  if (!isObject(value) || (rule.kind !== 'shape' && rule.kind !== 'record')) return value;
  const kept = Object.entries(value).flatMap(([key, inner]) => {
    const known = rule.kind === 'record' ? rule.of : rule.keys[key];
    return known === undefined ? [] : [[key, withoutUnknown(known, inner)] as const];
  });
  return Object.fromEntries(kept);
}

/** The rule as JSON Schema. */
export function schemaOf(rule: Rule): Json {
  switch (rule.kind) {
    case 'anything':
      return {};
    case 'choice':
      return { type: 'string', enum: rule.values };
    case 'list':
      return { type: 'array', items: schemaOf(rule.of) };
    case 'record':
      return { type: 'object', additionalProperties: schemaOf(rule.of) };
    case 'either':
      return { anyOf: rule.rules.map(schemaOf) };
    case 'shape': {
      const properties = Object.fromEntries(Object.entries(rule.keys).map(([key, inner]) => [key, schemaOf(inner)]));
      return { type: 'object', properties, required: rule.required, additionalProperties: false };
    }
    default:
      return { type: rule.kind };
  }
}

function shapeIssues(
  { keys, required }: Extract<Rule, { kind: 'shape' }>,
  value: Readonly<Record<string, Json>>,
  path: readonly string[],
): Issue[] {
  const found = Object.entries(keys).flatMap(([key, rule]) => {
    const inner = value[key];
    if (inner === undefined && !required.includes(key)) return [];
    return issuesOf(rule, inner, [...path, key]);
  });
  const unknown = Object.keys(value).filter((key) => keys[key] === undefined);
  if (unknown.length === 0) return found;
  const names = unknown.map((key) => JSON.stringify(key)).join(', ');
  return [...found, issue(path, `Unrecognized key${unknown.length > 1 ? 's' : ''}: ${names}`)];
}

function wrongType(expected: string, value: Json | undefined, path: readonly string[]): Issue {
  return issue(path, `Invalid input: expected ${expected}, received ${typeName(value)}`);
}

function notAllowed(values: readonly string[], path: readonly string[]): Issue {
  const words = values.map((value) => JSON.stringify(value)).join(', ');
  return { ...issue(path, `Invalid input (allowed: ${words})`), allowedValues: values };
}

function issue(path: readonly string[], message: string): Issue {
  return { path: path.join('.'), message };
}

function typeName(value: Json | undefined): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
