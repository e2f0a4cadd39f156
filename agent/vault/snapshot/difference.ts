/** What makes two entries different. */
import { type Entry, type FileEntry, firstNameOf, isFile } from '../tree/entries.ts';

/** `time`: nothing but the time of the last change, which alone is not worth a snapshot. */
export type Difference = 'none' | 'time' | 'content';

/** Compares what is there with what the snapshot before has. */
export function difference(before: Entry | undefined, now: Entry): Difference {
  if (before === undefined || !isAlike(before, now)) return 'content';
  const { time } = before;
  const sameTime = time.seconds === now.time.seconds && time.nanoseconds === now.time.nanoseconds;
  return sameTime ? 'none' : 'time';
}

/** Whether all but the time is the same. */
function isAlike(before: Entry, now: Entry): boolean {
  if (firstNameOf(before) !== firstNameOf(now)) return false;
  if (before.kind === 'link' || now.kind === 'link')
    return before.kind === 'link' && now.kind === 'link' && before.target === now.target;
  if (before.kind !== now.kind || before.mode !== now.mode) return false;
  return !isFile(before) || !isFile(now) || hasSameContent(before, now);
}

function hasSameContent(before: FileEntry, now: FileEntry): boolean {
  if (before.size !== now.size || before.chunkBytes !== now.chunkBytes) return false;
  if (!hasSameHoles(before, now)) return false;
  return before.chunks.every((chunk, at) => chunk === now.chunks[at]);
}

function hasSameHoles({ extents: before }: FileEntry, { extents: now }: FileEntry): boolean {
  return before === undefined || now === undefined ? before === now : before.equals(now);
}
