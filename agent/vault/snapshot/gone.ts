/** What is gone, going by a scan. */
import type { Scan } from './scan.ts';

/** The folder that a path is in; of the root the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Tells of each path whether it is gone: its folder was read and it was not there, or its folder is none any more. */
export function goneFrom({ entered, present, folders: seen }: Scan): (path: string) => boolean {
  const folders = new Map<string, boolean>([['', false]]);
  const isGone = (path: string): boolean => {
    if (path === '' || present.has(path)) return false;
    const folder = folderOf(path);
    return entered.has(folder) || isFolderGone(folder);
  };
  const isFolderGone = (folder: string): boolean => {
    const known = folders.get(folder);
    if (known !== undefined) return known;
    const gone = isGone(folder) || (present.has(folder) && !seen.has(folder));
    folders.set(folder, gone);
    return gone;
  };
  return isGone;
}
