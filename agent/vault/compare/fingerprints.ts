/** What makes an entry of a tree differ from another one, in a few bytes. Times are no difference. */
import { createHash } from 'node:crypto';
import { NAME_BYTES } from '../keys/vault-keys.ts';
import type { Entry } from '../tree/entries.ts';
import type { TreeIndex } from '../tree/tree-index.ts';

/** An entry, without its content. `print` is the same for the same content, mode, kind and other names. */
export type Fingerprint = { readonly print: string; readonly bytes: number };

/** The fingerprints of a tree's entries, by path. Chunks have equal names when, and only when, they are equal. */
export function fingerprintsOf(tree: TreeIndex): Map<string, Fingerprint> {
  const prints = new Map<string, Fingerprint>();
  for (const [path, entry] of tree.entries) prints.set(path, fingerprint(tree, entry));
  return prints;
}

function fingerprint({ chunks }: TreeIndex, entry: Entry): Fingerprint {
  if (entry.kind === 'folder') return { print: `folder ${entry.mode}`, bytes: 0 };
  const group = entry.sameAs === undefined ? '' : ` of ${entry.sameAs}`;
  if (entry.kind === 'link') return { print: `link ${entry.target}${group}`, bytes: 0 };
  const hash = createHash('sha256');
  const name = Buffer.alloc(NAME_BYTES);
  for (const chunk of entry.chunks) {
    chunks.writeName(chunk, name, 0);
    hash.update(name);
  }
  hash.update(JSON.stringify(entry.extents?.flat() ?? ''));
  const { kind, mode, size, chunkBytes } = entry;
  return { print: `${kind} ${mode} ${size} ${chunkBytes} ${hash.digest('base64')}${group}`, bytes: size };
}
