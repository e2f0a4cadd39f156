/** What OpenCrane itself needs of every OpenClaw, joined with what the admins manage. */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { contradictions, defaultConfig, neededConfig } from '@opencrane/kit/needed-config.ts';
import type { Path } from './paths.ts';
import { mergeThreeWays } from './three-way-merge.ts';

/** The managed document as a whole, or the path at which an admin asked for something that cannot be. */
export type Composed = { readonly document: JsonObject } | { readonly conflict: Path };

/** Lays the offered document between our defaults and our needs. */
export function composeManaged(offered: JsonObject, gatewayPort: number): Composed {
  const needs = neededConfig(gatewayPort);
  const [conflict] = contradictions(offered, needs);
  if (conflict !== undefined) return { conflict };
  return { document: mergeThreeWays({}, needs, mergeThreeWays({}, offered, defaultConfig)) };
}
