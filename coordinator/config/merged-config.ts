/** The layers of some scopes, read and merged. */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import type { Revision, RevisionStore } from '../revisions/revision-store.ts';
import type { Scope } from '../revisions/scope.ts';
import { mergeLayers } from './layers.ts';

/** Layers and what they merge to. */
export type MergedConfig = {
  readonly document: JsonObject;
  /** The highest revision of the layers; 0 when none was ever written. */
  readonly revision: number;
  /** The layers that exist, outermost first. */
  readonly layers: readonly Revision[];
};

/** Reads the layers of the scopes, given outermost first, and merges them. */
export async function mergedConfig(revisions: RevisionStore, scopes: readonly Scope[]): Promise<MergedConfig> {
  const layers = await revisions.latestOf(scopes, 'config');
  return {
    document: mergeLayers(layers.map(({ payload }) => payload)),
    revision: Math.max(0, ...layers.map(({ number }) => number)),
    layers,
  };
}
