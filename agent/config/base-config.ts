/** What OpenCrane itself needs of every OpenClaw, joined with what the admins manage. */
import { isJsonObject, type Json, type JsonObject, jsonEquals } from '@opencrane/kit/canonical-json.ts';
import { leavesOf, member, type Path } from './paths.ts';
import { mergeThreeWays } from './three-way-merge.ts';

/** The managed document as a whole, or the path at which an admin asked for something that cannot be. */
export type Composed = { readonly document: JsonObject } | { readonly conflict: Path };

/**
 * Lays the offered document between our defaults and our needs.
 * Needs are refused to admins rather than silently won, so that what is offered is what is in effect.
 */
export function composeManaged(offered: JsonObject, gatewayPort: number): Composed {
  const needs = needed(gatewayPort);
  const conflict = leavesOf(needs).find(({ path, value }) => contradicts(offered, path, value));
  if (conflict !== undefined) return { conflict: conflict.path };
  return { document: mergeThreeWays({}, needs, mergeThreeWays({}, offered, defaults)) };
}

/** Without these the agent could not reach, steer or find OpenClaw. */
function needed(gatewayPort: number): JsonObject {
  return {
    gateway: {
      mode: 'local',
      bind: 'loopback', // said aloud: in a container OpenClaw would listen everywhere
      port: gatewayPort,
      auth: { mode: 'token', token: variable('OPENCLAW_GATEWAY_TOKEN') },
      // `off` would make OpenClaw write what we push and not apply it.
      reload: { mode: 'hybrid' },
    },
  };
}

/** What an admin may change. */
const defaults: JsonObject = {
  update: { checkOnStart: false }, // versions come from the coordinator
  logging: { file: variable('OPENCRANE_OPENCLAW_LOG') }, // else every tenant of a machine writes to one file in /tmp
};

/** How OpenClaw's configuration refers to a variable of its environment. */
function variable(name: string): string {
  return `\${${name}}`;
}

function contradicts(offered: JsonObject, path: Path, value: Json): boolean {
  let here: Json = offered;
  for (const key of path) {
    if (!isJsonObject(here)) return true;
    const below = member(here, key);
    if (below === undefined) return false;
    here = below;
  }
  return !jsonEquals(here, value);
}
