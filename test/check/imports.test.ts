/** Holds the rules of who may import whom: workspaces know only `proto` and `kit`, and imports never run in a circle, from file to file or from folder to folder. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');

/** What each workspace may import besides itself. */
const allowed: Record<string, readonly string[]> = {
  proto: [],
  kit: ['proto'],
  coordinator: ['proto', 'kit'],
  agent: ['proto', 'kit'],
  cli: ['proto', 'kit'],
  test: ['proto', 'kit', 'coordinator', 'agent', 'cli'],
};

const files = globSync('{proto,kit,coordinator,agent,cli,test}/**/*.{ts,mjs}', {
  cwd: root,
  exclude: ['**/node_modules'],
});

/** The modules a file imports, as written. Type imports count: they tie folders together just as well. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8');
  const pattern =
    /^\s*(?:import|export)\b[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|^\s*import\s*['"]([^'"]+)['"]/gm;
  return [...source.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function workspaceOf(file: string): string {
  return file.split('/')[0] ?? '';
}

/** The repository's file that an import names, or undefined for a package from outside. */
function target(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return relative(root, resolve(root, dirname(file), specifier));
  const own = /^@opencrane\/([^/]+)\/(.+)$/.exec(specifier);
  if (!own) return undefined;
  return own[1] === 'proto' ? `proto/gen/${own[2]}` : `${own[1]}/${own[2]}`;
}

const edges = files.flatMap((file) =>
  importsOf(file).flatMap((specifier) => {
    const to = target(file, specifier);
    return to === undefined ? [] : [{ from: file, to, specifier }];
  }),
);

test('there are files to look at, or the rules below would hold of nothing', () => {
  assert.ok(files.length > 20 && edges.length > 20, `${files.length} files, ${edges.length} imports`);
});

test('a workspace imports only what it may', () => {
  const offences = edges
    .filter(({ from, to }) => workspaceOf(from) !== workspaceOf(to))
    .filter(({ from, to }) => !allowed[workspaceOf(from)]?.includes(workspaceOf(to)))
    .map(({ from, specifier }) => `${from} imports ${specifier}`);
  assert.deepEqual(offences, []);
});

test('another workspace is imported by its name, never by a path that climbs out', () => {
  const offences = edges
    .filter(({ from, to, specifier }) => specifier.startsWith('.') && workspaceOf(from) !== workspaceOf(to))
    .map(({ from, specifier }) => `${from} imports ${specifier}`);
  assert.deepEqual(offences, []);
});

test('only tests import the tests', () => {
  const offences = edges
    .filter(({ from, to }) => workspaceOf(to) === 'test' && workspaceOf(from) !== 'test')
    .map(({ from }) => from);
  assert.deepEqual(offences, []);
});

test('imports between files never run in a circle', () => {
  assertNoCircle(edges);
});

/**
 * At each level, all that lies in a folder counts as one. A `ports.ts` says what a folder wants of others, and those who
 * have it import it: that arrow points from who serves to who is served. Tests and what only they use may reach anywhere.
 */
for (const level of new Set(files.filter(isProgram).flatMap(foldersOf))) {
  test(`the folders in ${level} import one way`, () => {
    const inside = edges
      .filter(({ from, to }) => from.startsWith(`${level}/`) && to.startsWith(`${level}/`))
      .filter(({ from, to }) => isProgram(from) && !to.endsWith('/ports.ts'))
      .map(({ from, to }) => ({ from: roomOf(level, from), to: roomOf(level, to) }))
      .filter(({ from, to }) => from !== to);
    assertNoCircle(inside);
  });
}

function isProgram(file: string): boolean {
  return /^(?:coordinator|agent|cli|kit)\//.test(file) && !/\.test\.|\.suite\.|testing|\/suite\//.test(file);
}

/** The folders above a file, its workspace first. */
function foldersOf(file: string): string[] {
  const parts = dirname(file).split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** The file or folder right below `level` that a file is, or lies in. */
function roomOf(level: string, file: string): string {
  return file.slice(level.length + 1).split('/')[0] ?? file;
}

function assertNoCircle(arrows: readonly { readonly from: string; readonly to: string }[]): void {
  const next = Map.groupBy(arrows, ({ from }) => from);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) assert.fail(`a circle: ${[...path.slice(at), file].join(' → ')}`);
    if (done.has(file)) return;
    for (const { to } of next.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const from of next.keys()) visit(from, []);
}
