/** What differs between two documents, leaf by leaf. Pure. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { leavesOf } from './leaves.ts';

/** A path that is not the same in both; a side is absent where the document does not have it. */
export type Difference = { readonly path: string; readonly before?: JsonValue; readonly after?: JsonValue };

/** The differences by path. */
export function differences(before: JsonObject, after: JsonObject): readonly Difference[] {
  const old = new Map(leavesOf(before).map(({ path, value }) => [path, value]));
  const fresh = new Map(leavesOf(after).map(({ path, value }) => [path, value]));
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .toSorted()
    .filter((path) => JSON.stringify(old.get(path)) !== JSON.stringify(fresh.get(path)))
    .map((path) => ({ path, ...side('before', old.get(path)), ...side('after', fresh.get(path)) }));
}

function side<Name extends string>(name: Name, value: JsonValue | undefined): { [key in Name]?: JsonValue } {
  // The computed key's type is only `string` to the compiler.
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]?: JsonValue });
}
