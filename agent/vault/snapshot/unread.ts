/** What of a state could not be read, and why, in words. One path that cannot be read never keeps the others from being stored. */
import { getSystemErrorMap } from 'node:util';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';

/**
 * Something that could not be read. What the snapshot before has of it, and of all below it, is kept. An absolute path is of a
 * folder that OpenClaw uses outside of the state, of which no snapshot has anything.
 */
export type Unread = { readonly path: string; readonly why: string };

/** These say nothing about a path: this process, or the machine, has run out of something. The whole snapshot fails then. */
const exhausted: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/**
 * Why a path cannot be read, when that is what an error of the file system says; undefined for any other error, which the
 * caller throws on.
 */
export function whyUnread(thrown: unknown): string | undefined {
  const code = systemCode(thrown);
  if (thrown instanceof OpenCraneError || code === '' || exhausted.has(code)) return undefined;
  if (isForbidden(thrown)) return 'it may not be read';
  if (code === 'ENAMETOOLONG') return 'its path is longer than the operating system takes (ENAMETOOLONG)';
  if (code === 'ENOTCONN') return 'the file system that was mounted there is gone (ENOTCONN)';
  return `${wordsOf(thrown)} (${code})`;
}

/** Whether a path led nowhere: something on it was removed or replaced after it was seen. */
export function isGone(thrown: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(systemCode(thrown));
}

function isForbidden(thrown: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(systemCode(thrown));
}

/** The operating system's own words, without the path, which may be thousands of characters long. */
function wordsOf(thrown: unknown): string {
  const errno = thrown instanceof Error && 'errno' in thrown ? thrown.errno : undefined;
  const known = typeof errno === 'number' ? getSystemErrorMap().get(errno) : undefined;
  return known?.[1] ?? 'the file system refuses to read it';
}
