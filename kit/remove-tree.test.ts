/** What resists a removal: modes, attributes, other users' files, mounts; and what a move has to get past. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { removeTree } from './remove-tree.ts';
import { asPlainUser } from './testing/plain-user.ts';

const root = mkdtempSync(join(tmpdir(), 'opencrane-remove-'));
after(() => removeTree(root));

let made = 0;
function newFolder(): string {
  made += 1;
  const path = join(root, `tree-${made}`);
  mkdirSync(path);
  return path;
}

const plain = asPlainUser();
const plainOnly = { skip: 'skip' in plain ? plain.skip : false };

/** Calls a function of a module of this folder in a process that modes hold back; what it threw, or null. */
function asPlain(module: string, name: string, args: readonly string[]): { message: string; mend: string } | null {
  const script = `import { ${name} } from ${JSON.stringify(import.meta.resolve(module))};
    try { await ${name}(...${JSON.stringify(args)}); console.log('null'); }
    catch ({ message, mend }) { console.log(JSON.stringify({ message, mend })); }`;
  const [program = '', ...words] = [...('before' in plain ? plain.before : []), process.execPath];
  const { stdout, stderr } = spawnSync(program, [...words, '--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}

const modes = [
  { reason: 'a folder that is read-only, as a package cache is', mode: 0o555 },
  { reason: 'a folder that not even its owner may look into', mode: 0o000 },
  { reason: 'a folder that may be entered and not listed', mode: 0o111 },
];
for (const { reason, mode } of modes) {
  test(`${reason} goes with what is in it, its own user's rights being enough`, plainOnly, () => {
    const path = newFolder();
    mkdirSync(join(path, 'a/b/c'), { recursive: true });
    writeFileSync(join(path, 'a/b/file'), 'content', { mode: 0o400 });
    mkdirSync(join(root, `elsewhere-${mode}`), { mode: 0o500 });
    symlinkSync(join(root, `elsewhere-${mode}`), join(path, 'a/link'));
    for (const folder of ['a/b/c', 'a/b', 'a', '']) chmodSync(join(path, folder), mode);
    assert.equal(asPlain('./remove-tree.ts', 'removeTree', [path]), null);
    assert.equal(existsSync(path), false);
    assert.equal(statSync(join(root, `elsewhere-${mode}`)).mode & 0o777, 0o500, 'a link is not followed');
  });
}

test('what is not there is removed already', () => removeTree(join(root, 'never')));

test('folders that are nested deeper than a path may be long go, too', async () => {
  const path = newFolder();
  const name = 'd'.repeat(200);
  execFileSync(
    'sh',
    ['-c', `i=0; while [ $i -lt 25 ]; do mkdir ${name} && cd -P ${name} || exit 1; i=$((i+1)); done`],
    {
      cwd: path,
    },
  );
  await removeTree(path);
  assert.equal(existsSync(path), false);
});

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const rootOnly = { skip: isRoot ? false : 'only root on Linux makes files immutable, gives them away, and mounts' };

test('a file that is immutable is named, with how to make it removable', rootOnly, async (t) => {
  const path = newFolder();
  mkdirSync(join(path, 'a'));
  writeFileSync(join(path, 'a/file'), '');
  if (spawnSync('chattr', ['+i', join(path, 'a/file')]).status !== 0) return t.skip('no chattr on this file system');
  try {
    await assert.rejects(removeTree(path), {
      code: 'permission_denied',
      reason: 'tree_not_removable',
      field: join(path, 'a/file'),
      message: /a\/file cannot be removed: it or its folder is immutable/,
      mend: new RegExp(`chattr -R -ia "${path}"`),
    });
  } finally {
    spawnSync('chattr', ['-R', '-i', path]);
  }
  await removeTree(path);
  assert.equal(existsSync(path), false);
});

test("another user's folder is named, with whose it is", { skip: plainOnly.skip || rootOnly.skip }, () => {
  const path = newFolder();
  mkdirSync(join(path, 'theirs'));
  writeFileSync(join(path, 'theirs/file'), '');
  execFileSync('chown', ['-R', '12345', join(path, 'theirs')]);
  const thrown = asPlain('./remove-tree.ts', 'removeTree', [path]);
  assert.match(thrown?.message ?? '', /theirs\/file cannot be removed: it belongs to another user \(12345\)/);
  assert.match(thrown?.mend ?? '', /as root/);
});

test('what is mounted below is not removed, and nothing else is then', rootOnly, async (t) => {
  const path = newFolder();
  const mount = join(path, 'workspace/a bucket');
  mkdirSync(mount, { recursive: true });
  writeFileSync(join(path, 'ours'), '');
  if (spawnSync('mount', ['-t', 'tmpfs', 'none', mount]).status !== 0)
    return t.skip('this machine does not let us mount');
  try {
    writeFileSync(join(mount, 'theirs'), 'precious');
    await assert.rejects(removeTree(path), { reason: 'mounted_below', field: mount, message: /\(tmpfs\) is mounted/ });
    assert.ok(existsSync(join(mount, 'theirs')) && existsSync(join(path, 'ours')));
  } finally {
    spawnSync('umount', [mount]);
  }
  await removeTree(path);
  assert.equal(existsSync(path), false);
});

test('a read-only folder is moved out of a read-only one into another, and all keep their modes', plainOnly, () => {
  const path = newFolder();
  for (const folder of ['from/a', 'to']) mkdirSync(join(path, folder), { recursive: true });
  writeFileSync(join(path, 'from/a/file'), 'content');
  for (const folder of ['from/a', 'from', 'to']) chmodSync(join(path, folder), 0o555);
  assert.equal(asPlain('./move-tree.ts', 'moveTree', [join(path, 'from/a'), join(path, 'to/b')]), null);
  for (const folder of ['to/b', 'from', 'to']) assert.equal(statSync(join(path, folder)).mode & 0o777, 0o555, folder);
  assert.ok(existsSync(join(path, 'to/b/file')));
  const thrown = asPlain('./move-tree.ts', 'moveTree', [join(path, 'none'), join(path, 'to/c')]);
  assert.match(thrown?.message ?? '', /ENOENT/);
  assert.equal(statSync(join(path, 'to')).mode & 0o777, 0o555, 'a move that fails closes what it opened');
});
