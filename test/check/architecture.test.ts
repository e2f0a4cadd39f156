/** Holds docs/ARCHITECTURE.md to the truth: every file it names is there, and every folder has its line. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/ARCHITECTURE.md'), 'utf8');
const workspaces = 'proto,kit,coordinator,agent,cli,test';

const named = [...page.matchAll(/`([^`\s]+)`/g)]
  .map((match) => match[1] ?? '')
  .filter((name) => new RegExp(`^(${workspaces.replaceAll(',', '|')}|docs)/`).test(name));

test('the page names enough to be worth reading', () => assert.ok(named.length > 100, `${named.length} paths`));

test('every file and folder it names is there', () => {
  assert.deepEqual(
    named.filter((name) => !existsSync(join(root, name))),
    [],
  );
});

test('every page it links to is there', () => {
  const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1] ?? '');
  assert.ok(links.length > 0);
  assert.deepEqual(
    links.filter((link) => !existsSync(join(root, 'docs', link))),
    [],
  );
});

test('every folder with source in it has its line in the table', () => {
  const files = globSync(`{${workspaces}}/**/*.{ts,mjs,proto}`, {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|third_party|gen)(\/|$)/.test(path),
  });
  const folders = new Set(files.map((file) => `${dirname(file)}/`));
  const table = page.slice(page.indexOf('## From part to file'));
  const rows = [...table.matchAll(/^\| [^|]+\| `([^`]+)`/gm)].map((match) => match[1] ?? '');
  const covered = (folder: string) => rows.includes(folder) || folder.startsWith('proto/definitions/');
  assert.ok(folders.size > 40, `${folders.size} folders`);
  assert.deepEqual([...folders].filter((folder) => !covered(folder)).toSorted(), []);
});
