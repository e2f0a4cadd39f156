/** What OpenCrane itself needs in every OpenClaw's configuration; the agent lays it over what admins manage, the coordinator checks against it. */
import { isJsonObject, type Json, type JsonObject, jsonEquals } from './canonical-json.ts';

/** Without these the agent could not reach, steer or find OpenClaw. */
export function neededConfig(gatewayPort: number): JsonObject {
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
export const defaultConfig: JsonObject = {
  update: { checkOnStart: false }, // versions come from the coordinator
  logging: { file: variable('OPENCRANE_OPENCLAW_LOG') }, // else every tenant of a machine writes to one file in /tmp
};

/**
 * The paths at which a document says otherwise than is needed; `[]` when none does. Needs are refused to admins rather
 * than silently won, so that what is offered is what is in effect.
 */
export function contradictions(offered: JsonObject, needs: JsonObject): readonly (readonly string[])[] {
  return Object.entries(needs).flatMap(([key, needed]): readonly (readonly string[])[] => {
    if (!Object.hasOwn(offered, key)) return [];
    const said: Json | undefined = offered[key];
    if (!isJsonObject(needed)) return jsonEquals(said, needed) ? [] : [[key]];
    if (!isJsonObject(said)) return leafPaths(needed).map((path) => [key, ...path]);
    return contradictions(said, needed).map((path) => [key, ...path]);
  });
}

function leafPaths(document: JsonObject): readonly (readonly string[])[] {
  return Object.entries(document).flatMap(([key, value]) =>
    isJsonObject(value) ? leafPaths(value).map((path) => [key, ...path]) : [[key]],
  );
}

/** How OpenClaw's configuration refers to a variable of its environment. */
function variable(name: string): string {
  return `\${${name}}`;
}
