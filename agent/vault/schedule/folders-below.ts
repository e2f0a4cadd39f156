/** The folders of a state in which changes matter. */
import { readdirSync } from 'node:fs';
import { isLeftOut } from '../snapshot/left-out.ts';

/** Every folder below `root` that snapshots take, relative to it, the root itself as the empty path. One that is gone has none. */
export function foldersBelow(root: string): string[] {
  const folders = [''];
  for (const folder of folders) {
    for (const entry of entriesOf(folder === '' ? root : `${root}/${folder}`)) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !isLeftOut(path)) folders.push(path);
    }
  }
  return folders;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // the snapshot itself says what could not be read
  }
}
