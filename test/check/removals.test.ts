/** Holds the programs to one way of removing folders: what is in them may resist, or be mounted there (kit/remove-tree.ts). */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');

/** The one place; one whose folder has a single file that it wrote itself; and a cache of Node's, without which all goes on. */
const others = ['kit/remove-tree.ts', 'cli/config/editor.ts', 'agent/openclaw/compile-cache.ts'];

test('no program removes a folder but by removeTree', () => {
  const files = globSync('{kit,coordinator,agent,cli}/**/*.{ts,mjs}', {
    cwd: root,
    exclude: (path) => /node_modules|\.test\.|testing|\.suite\./.test(path),
  });
  assert.ok(files.length > 200, `${files.length} files`);
  const offences = files.filter((file) =>
    /\brm(?:Sync)?\([^;]*recursive: true/.test(readFileSync(join(root, file), 'utf8')),
  );
  assert.deepEqual(offences.toSorted(), others.toSorted());
});
