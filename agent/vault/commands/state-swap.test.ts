/** Exchanges of folders whose modes forbid it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import { asPlainUser } from '@opencrane/kit/testing/plain-user.ts';
import { temporaryFolder } from '../testing.ts';

const scratch = temporaryFolder();
after(() => removeTree(scratch.path)); // its modes hold back a test that does not run as root, too
const plain = asPlainUser();

/** Runs statements on a StateSwap in a process that modes hold back. */
function exchange(state: string, path: string, statements: string): void {
  const script = `import { StateSwap } from ${JSON.stringify(import.meta.resolve('./state-swap.ts'))};
    const swap = new StateSwap(${JSON.stringify(state)}, ${JSON.stringify(path)}, 'test');
    ${statements}`;
  const [program = '', ...words] = [...('before' in plain ? plain.before : []), process.execPath];
  const { status, stderr } = spawnSync(program, [...words, '--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

test('a read-only folder within a read-only one is exchanged, put back, and what it replaced is cleared away', {
  skip: 'skip' in plain ? plain.skip : false,
}, () => {
  const state = join(scratch.path, 'state');
  const broughtBack = `${state}.brought-back-test`;
  for (const [folder, content] of [
    [join(state, 'modules/package'), 'live'],
    [broughtBack, 'brought back'],
  ] as const) {
    mkdirSync(join(folder, 'deeper'), { recursive: true });
    writeFileSync(join(folder, 'deeper/file'), content);
    for (const closed of ['deeper', '']) chmodSync(join(folder, closed), 0o555);
  }
  chmodSync(join(state, 'modules'), 0o555);
  const live = () => readFileSync(join(state, 'modules/package/deeper/file'), 'utf8');
  const modes = () => ['modules', 'modules/package'].map((path) => statSync(join(state, path)).mode & 0o777);
  exchange(state, 'modules/package', 'await swap.exchange(() => {});');
  assert.deepEqual([live(), modes()], ['brought back', [0o555, 0o555]]);
  exchange(state, 'modules/package', 'await swap.undo();');
  assert.deepEqual([live(), modes()], ['live', [0o555, 0o555]]);
  exchange(state, 'modules/package', 'await swap.exchange(() => {}); await swap.clear();');
  assert.deepEqual([live(), modes()], ['brought back', [0o555, 0o555]]);
  assert.deepEqual(readdirSync(scratch.path), ['state']);
});
