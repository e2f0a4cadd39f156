/** The paths that the layers own: those of every value in the merged document. Whatever else a configuration holds is the user's. */
import { isJsonObject, type Json, type JsonObject } from '@opencrane/kit/canonical-json.ts';
import { formatPath } from './path.ts';

/** The paths of every value that is not an object, with the value; lists are values. */
export function managedPaths(merged: JsonObject): ReadonlyMap<string, Json> {
  return new Map(leaves(merged, []));
}

/** For every managed path, which of the layers set it; the layers are given outermost first. */
export function originsOf<Layer>(
  merged: JsonObject,
  layers: readonly { readonly layer: Layer; readonly document: JsonObject }[],
): ReadonlyMap<string, Layer> {
  const said = layers.map(({ layer, document }) => ({ layer, paths: managedPaths(document) }));
  const origins = [...managedPaths(merged).keys()].flatMap((path): [string, Layer][] => {
    const nearest = said.findLast(({ paths }) => paths.has(path)); // what stands in the merged document came from there
    return nearest ? [[path, nearest.layer]] : [];
  });
  return new Map(origins);
}

function leaves(value: JsonObject, path: readonly string[]): [string, Json][] {
  return Object.entries(value).flatMap(([key, child]): [string, Json][] => {
    const here = [...path, key];
    return isJsonObject(child) ? leaves(child, here) : [[formatPath(here), child]];
  });
}
