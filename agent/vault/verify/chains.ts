/** Snapshots that are read together: each is a change of the one before it. */
import type { ManifestRef } from '../format/object-ids.ts';

/** Manifests from a full one on, each descending from the one before, and which of them are asked for. */
export type Chain = { readonly links: readonly ManifestRef[]; readonly wanted: ReadonlySet<ManifestRef> };

/**
 * The chains that lead to the wanted snapshots, going by the names. Where two manifests have one number, the last is the one
 * that others go on from, and each of the others ends a chain of its own.
 */
export function chainsTo(wanted: readonly ManifestRef[], all: readonly ManifestRef[]): Chain[] {
  const families = Map.groupBy(all, ({ sequence, depth }) => sequence - depth);
  const asked = new Set(wanted);
  return [...families.values()]
    .flatMap((family) => chainsOfFamily(family, asked))
    .filter(({ wanted: { size } }) => size > 0);
}

function chainsOfFamily(family: readonly ManifestRef[], asked: ReadonlySet<ManifestRef>): Chain[] {
  const byNumber = [...Map.groupBy(family, ({ sequence }) => sequence)].sort(([a], [b]) => a - b);
  const links = byNumber.flatMap(([, rivals]) => rivals.slice(-1));
  const others = byNumber.flatMap(([, rivals]) => rivals.slice(0, -1));
  const chains = others.map((other) =>
    chain([...links.filter(({ sequence }) => sequence < other.sequence), other], asked, other),
  );
  return [chain(links, asked), ...chains];
}

/** A chain as far as its last wanted link; with `only`, that alone is wanted. */
function chain(links: readonly ManifestRef[], asked: ReadonlySet<ManifestRef>, only?: ManifestRef): Chain {
  const isWanted = (link: ManifestRef) => asked.has(link) && (only === undefined || link === only);
  const end = links.findLastIndex(isWanted) + 1;
  return { links: links.slice(0, end), wanted: new Set(links.filter(isWanted)) };
}
