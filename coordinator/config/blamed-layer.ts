/** Which layer, at which revision, a refused configuration has its fault from. */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { type Scope, scopeText } from '../revisions/scope.ts';
import { mergeLayers } from './layers.ts';
import { originsOf } from './managed-paths.ts';
import { parsePath } from './path.ts';

/** A layer as it was offered. */
export type OfferedLayer = { readonly scope: Scope; readonly number: number; readonly payload: JsonObject };

/** What was said against the document: OpenClaw's path, which for an unknown key is its parent's, and its words. */
export type Complaint = { readonly path: string; readonly message: string };

/** Such as `set by team/research, revision 7`; empty when it is no layer's value that is complained of. Layers are given outermost first. */
export function blamedLayer({ path, message }: Complaint, layers: readonly OfferedLayer[]): string {
  const merged = mergeLayers(layers.map(({ payload }) => payload));
  const origins = originsOf(
    merged,
    layers.map((layer) => ({ layer, document: layer.payload })),
  );
  const key = /Unrecognized keys?: "((?:[^"\\]|\\.)*)"/.exec(message)?.[1];
  const sought = key === undefined ? path : [path, key].filter((part) => part !== '').join('.');
  if (sought === '') return '';
  const found = [...origins].filter(([each]) => related(parsePath(each).join('.'), sought)).map(([, layer]) => layer);
  const blamed = layers.filter((layer) => found.includes(layer));
  if (blamed.length === 0) return '';
  return `set by ${blamed.map(({ scope, number }) => `${scopeText(scope)}, revision ${number}`).join(', and ')}`;
}

/** A complaint may be of a value, of something in a list, or of all that is below a key. */
function related(set: string, complained: string): boolean {
  return set === complained || set.startsWith(`${complained}.`) || complained.startsWith(`${set}.`);
}
