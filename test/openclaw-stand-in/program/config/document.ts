/** From the text of a configuration file to what is in effect. */
import { at, isObject, type Json, type JsonObject, mapStrings } from '../json.ts';

const REDACTED = '__OPENCLAW_REDACTED__';
const secretKey = /^(apiKey|token|password|secret)$/i;
/** Upper case only; what is not set stays as it is written. */
const variable = /\$\{([A-Z_][A-Z0-9_]*)\}/g;

/** With `${NAMES}` replaced by what they stand for. */
export function resolve(document: JsonObject, variables: Readonly<Record<string, string | undefined>>): JsonObject {
  const resolved = mapStrings(document, (text) =>
    text.replaceAll(variable, (written, name) => variables[name] ?? written),
  ) as JsonObject; // an object stays one
  const entries = at(resolved, 'agents', 'entries');
  return { ...resolved, agents: { ...(resolved['agents'] as object), entries: { main: {}, ...(entries as object) } } };
}

/** With the values that hold for what is not written. */
export function withDefaults(resolved: JsonObject): JsonObject {
  const written = at(resolved, 'agents', 'defaults');
  const defaults = {
    maxConcurrent: 8,
    subagents: { maxConcurrent: 8, archiveAfterMinutes: 60 },
    compaction: { mode: 'safeguard' },
    ...(isObject(written) ? written : {}),
  };
  return {
    commands: { native: 'auto', nativeSkills: 'auto', restart: true },
    ...resolved,
    agents: { ...(resolved['agents'] as object), defaults },
    messages: { ackReactionScope: 'group-mentions', ...(resolved['messages'] as object) },
    ...modelsWithDefaults(resolved['models']),
  };
}

function modelsWithDefaults(models: Json | undefined): JsonObject {
  const providers = at(models, 'providers');
  if (!isObject(models) || !isObject(providers)) return {};
  const full = Object.entries(providers).map(([name, provider]) => {
    const { api, models: list } = provider as { api?: Json; models: readonly JsonObject[] }; // it is valid
    const cost = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
    const base = { reasoning: false, input: ['text'], cost, maxTokens: 8192 };
    const complete = list.map((model) => ({ ...base, ...model, ...(api !== undefined && { api }) }));
    return [name, { ...(provider as object), models: complete }];
  });
  return { models: { ...models, providers: Object.fromEntries(full) } };
}

/** With secrets hidden; a reference to a variable is none. */
export function redact(document: JsonObject): JsonObject {
  return mapStrings(document, (text, key) =>
    secretKey.test(key) && !/^\$\{[A-Z_][A-Z0-9_]*\}$/.test(text) ? REDACTED : text,
  ) as JsonObject; // an object stays one
}

/** As OpenClaw itself writes values that can be written in several ways: providers in lower case. */
export function respell(document: JsonObject): JsonObject {
  const agents = document['agents'];
  const defaults = at(agents, 'defaults');
  const model = at(defaults, 'model');
  if (!isObject(agents) || !isObject(defaults) || model === undefined) return document;
  const spelled = mapStrings(model, (text) =>
    text.replace(/^[^/]+(?=\/)/, (providerName) => providerName.toLowerCase()),
  );
  return { ...document, agents: { ...agents, defaults: { ...defaults, model: spelled } } };
}
