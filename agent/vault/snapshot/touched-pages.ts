/** Which pages a change touches, when it touches nothing else. */
import { type Entry, isFile } from '../tree/entries.ts';
import type { TreeChange, TreeIndex } from '../tree/tree-index.ts';
import { difference } from './difference.ts';

/** A page that differs from what is stored, and how often in a row it was seen to be overwritten in place (page-memory.ts). */
export type TouchedPage = { readonly database: string; readonly page: number; readonly beats: number };

/** Tells how often a page was overwritten in place. */
type Beats = { beatsOf(database: string, page: number): number };

/** The pages; undefined when anything but pages of databases that were there before differs in more than its time. */
export function touchedPages(
  { entries }: Pick<TreeIndex, 'entries'>,
  { set, removed }: TreeChange,
  memory: Beats,
): readonly TouchedPage[] | undefined {
  if (removed.size > 0) return undefined;
  const touched: TouchedPage[] = [];
  for (const [path, entry] of set) {
    const before = entries.get(path);
    if (difference(before, entry) !== 'content') continue;
    const pages = pagesBetween(before, entry);
    if (pages === undefined) return undefined;
    for (const page of pages) touched.push({ database: path, page, beats: memory.beatsOf(path, page) });
  }
  return touched;
}

/** The pages that differ; undefined when more than pages does. */
function pagesBetween(before: Entry | undefined, now: Entry): number[] | undefined {
  if (!isFile(before) || before.kind !== 'database' || !isFile(now) || now.kind !== 'database') return undefined;
  if (
    before.sameAs !== now.sameAs ||
    before.mode !== now.mode ||
    before.size !== now.size ||
    before.chunkBytes !== now.chunkBytes
  )
    return undefined;
  const pages: number[] = [];
  for (const [page, chunk] of now.chunks.entries()) if (chunk !== before.chunks[page]) pages.push(page);
  return pages;
}
