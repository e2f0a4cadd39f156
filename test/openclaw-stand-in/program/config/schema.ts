/** The keys of OpenClaw's configuration that OpenCrane and its tests use, and what a change of each takes. */
import { anything, boolean, choice, either, list, number, type Rule, record, shape, string } from './rules.ts';

const model = either(string, shape({ primary: string, fallbacks: list(string) }));

const agent = shape({
  name: string,
  default: boolean,
  workspace: string,
  agentDir: string,
  model,
  identity: shape({ name: string, emoji: string, theme: string }),
});

const provider = shape(
  {
    baseUrl: string,
    apiKey: either(string, record(anything)),
    api: choice('openai-completions', 'openai-responses', 'anthropic-messages', 'google-generative-ai', 'ollama'),
    headers: record(anything),
    authHeader: boolean,
    request: record(anything),
    models: list(
      shape(
        {
          id: string,
          name: string,
          api: string,
          reasoning: boolean,
          input: list(choice('text', 'image', 'video', 'audio')),
          cost: shape({ input: number, output: number, cacheRead: number, cacheWrite: number }),
          contextWindow: number,
          maxTokens: number,
        },
        ['id', 'name'],
      ),
    ),
  },
  ['models'],
);

/** The whole configuration. The order of keys is the order in which issues are told. */
export const schema: Rule = shape({
  $schema: string,
  meta: shape({ lastTouchedVersion: string, lastTouchedAt: string, migrations: record(boolean) }),
  env: shape({ vars: record(string) }),
  logging: shape({
    level: choice('silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'),
    file: string,
    consoleLevel: choice('silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'),
    consoleStyle: choice('pretty', 'compact', 'json'),
  }),
  update: shape({ channel: string, checkOnStart: boolean }),
  models: shape({ mode: choice('merge', 'replace'), providers: record(provider) }),
  agents: shape({
    ownership: choice('explicit', 'implicit'),
    defaults: shape({
      model,
      workspace: string,
      skipBootstrap: boolean,
      timeoutSeconds: number,
      thinkingDefault: choice('off', 'minimal', 'low', 'medium', 'high', 'xhigh', 'adaptive', 'max', 'ultra'),
      maxConcurrent: number,
      subagents: shape({ maxConcurrent: number, archiveAfterMinutes: number, model }),
      compaction: shape({ mode: choice('default', 'safeguard') }),
      heartbeat: shape({ every: string, agentId: string }),
      systemAgent: shape({ agentId: string }),
      skills: list(string),
    }),
    entries: record(agent),
  }),
  skills: shape({ load: shape({ extraDirs: list(string) }), entries: record(anything), allowBundled: list(string) }),
  commands: shape({ native: anything, nativeSkills: anything, restart: boolean }),
  messages: shape({
    ackReaction: string,
    ackReactionScope: choice('group-mentions', 'group-all', 'direct', 'all', 'off', 'none'),
  }),
  talk: shape({ agentId: string }),
  gateway: shape({
    port: number,
    mode: choice('local', 'remote'),
    bind: choice('auto', 'lan', 'loopback', 'custom', 'tailnet'),
    auth: shape({ mode: choice('none', 'token', 'password', 'trusted-proxy'), token: string, password: string }),
    controlUi: shape({ enabled: boolean, basePath: string, allowedOrigins: list(string) }),
    reload: shape({ mode: choice('off', 'restart', 'hot', 'hybrid'), debounceMs: number }),
    tls: shape({ enabled: boolean, autoGenerate: boolean, certPath: string, keyPath: string, caPath: string }),
    trustedProxies: list(string),
  }),
});

/** What a change of a key takes. */
export type ReloadKind = 'none' | 'hot' | 'restart';

/** The longest prefix counts; what has none is read anew each time it is used. */
const reloadKinds: readonly (readonly [string, ReloadKind])[] = [
  ['gateway', 'restart'],
  ['gateway.reload', 'none'],
  ['gateway.trustedProxies', 'hot'],
  ['gateway.controlUi.allowedOrigins', 'hot'],
  ['agents.', 'hot'], // not of `agents` itself
  ['models', 'hot'],
  ['update', 'hot'],
];

/** What a change of the key at a dotted path takes. */
export function reloadKindOf(path: string): ReloadKind {
  const matching = reloadKinds.filter(([prefix]) =>
    prefix.endsWith('.') ? path.startsWith(prefix) : path === prefix || path.startsWith(`${prefix}.`),
  );
  return matching.toSorted(([a], [b]) => b.length - a.length)[0]?.[1] ?? 'none';
}
