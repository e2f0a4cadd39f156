/** A document as its leaves, each with its path as the coordinator writes it. Pure. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** A value that is no object with keys, and where it stands. */
export type Leaf = { readonly path: string; readonly value: JsonValue };

/** A key that needs no quotes in a path. */
const PLAIN = /^[A-Za-z0-9_-]+$/;

/** The leaves in the document's order. An empty object and a list are leaves: they are set whole. */
export function leavesOf(document: JsonObject, above = ''): readonly Leaf[] {
  return Object.entries(document).flatMap(([key, value]) => {
    const path = join(above, key);
    return isFilled(value) ? leavesOf(value, path) : [{ path, value }];
  });
}

/** Those at a path or below it. */
export function leavesAt(leaves: readonly Leaf[], typed: string): readonly Leaf[] {
  const path = plainly(typed);
  return leaves.filter(
    (leaf) => leaf.path === path || leaf.path.startsWith(`${path}.`) || leaf.path.startsWith(`${path}[`),
  );
}

/** A path as it is typed, written as the coordinator writes it: quotes only around keys that need them. */
function plainly(typed: string): string {
  return typed
    .replaceAll(/\["((?:[^"\\]|\\.)*)"\]/g, (quoted, key) => (PLAIN.test(key) ? `.${key}` : quoted))
    .replace(/^\./, '');
}

function join(above: string, key: string): string {
  if (!PLAIN.test(key)) return `${above}[${JSON.stringify(key)}]`;
  return above === '' ? key : `${above}.${key}`;
}

function isFilled(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
}
