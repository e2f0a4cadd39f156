/** With no inotify instance left: real kernels refuse `watch`, in a user namespace whose limit is 0. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'unwatched-'));
after(() => rmSync(folder, { recursive: true }));

const source = (path: string) => JSON.stringify(join(import.meta.dirname, path));

/** Prints what both watches say, after the configuration watch has looked and looked again. */
const program = `
  import { writeFileSync } from 'node:fs';
  import { ConfigWatch } from ${source('config-watch.ts')};
  import { ChangeWatch } from ${source('../vault/schedule/change-watch.ts')};
  import { systemClock } from ${source('../../kit/clock.ts')};
  import { createLogger } from ${source('../../kit/logging.ts')};
  const folder = ${JSON.stringify(folder)};
  let looks = 0;
  const again = Promise.withResolvers();
  const config = new ConfigWatch({
    file: folder + '/openclaw.json',
    config: { async seen() { if (++looks === 2) again.resolve(); return undefined; } },
    mayImpose: async () => false,
    report: async () => {},
    clock: { ...systemClock, now: systemClock.now, monotonic: systemClock.monotonic, sleep: (millis, signal) => systemClock.sleep(millis / 50, signal) },
    log: createLogger({ program: 'test', level: 'silent' }),
  });
  config.start();
  const changes = new ChangeWatch(folder, { onEvent() {}, onChange() {} });
  changes.look(undefined);
  await again.promise;
  console.log(JSON.stringify({ config: config.unwatched, changes: changes.unwatched, isComplete: changes.isComplete }));
  await config.stop();
  changes.close();
`;

/** Runs it with so many inotify instances. */
function run(instances: number) {
  const script = `echo ${instances} > /proc/sys/user/max_inotify_instances && exec "$0" --input-type=module -e "$1"`;
  const words = ['-Ur', '/bin/sh', '-c', script, process.execPath, program];
  return spawnSync('unshare', words, { encoding: 'utf8', timeout: 120_000 });
}

test('what cannot be watched is looked at from time to time, and says so with the setting to raise', (t) => {
  const possible = spawnSync('unshare', ['-Ur', '/bin/sh', '-c', 'echo 1 > /proc/sys/user/max_inotify_instances']);
  if (possible.status !== 0) return t.skip('a limit on inotify instances takes a user namespace');
  const without = run(0);
  const why = 'all inotify instances or open files are in use (raise fs.inotify.max_user_instances)';
  assert.deepEqual(JSON.parse(without.stdout || without.stderr), { config: why, changes: why, isComplete: false });
  const plenty = run(10);
  assert.deepEqual(JSON.parse(plenty.stdout || plenty.stderr), { config: '', isComplete: true });
});
