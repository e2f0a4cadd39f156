/** Reads one symbolic link. */
import { type BigIntStats, lstatSync, readlinkSync } from 'node:fs';
import { systemCode } from '@opencrane/kit/errors.ts';
import type { LinkEntry } from '../tree/entries.ts';
import { pathForSystem, textOfBytes } from '../tree/path-text.ts';
import { why } from './read-content.ts';
import { timeOf } from './seen-files.ts';
import { isGone } from './unread.ts';

/** What came of reading a link. */
export type ReadLink =
  | { readonly outcome: 'read'; readonly entry: LinkEntry; readonly stats: BigIntStats; readonly steady: true }
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'unreadable'; readonly why: string };

/** Reads a link below `root`. */
export function readLink(root: string, path: string): ReadLink {
  const full = pathForSystem(`${root}/${path}`);
  try {
    const stats = lstatSync(full, { bigint: true });
    const target = textOfBytes(readlinkSync(full, { encoding: 'buffer' }));
    return { outcome: 'read', entry: { kind: 'link', time: timeOf(stats), target }, stats, steady: true };
  } catch (cause) {
    // EINVAL: something that is no link has taken its place; the next snapshot will see what.
    if (isGone(cause) || systemCode(cause) === 'EINVAL') return { outcome: 'gone' };
    return { outcome: 'unreadable', why: why(cause) };
  }
}
