/** A run of tests or a bench that is cut off leaves no GCS Fuse mounted, or the next one takes it away. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { type GcsServer, startGcsServer } from '../fixtures/gcs/gcs-server.ts';
import { mountGcsfuse } from '../fixtures/gcs/gcsfuse-mount.ts';
import { processesOf } from '../fixtures/processes.ts';

const fixture = join(import.meta.dirname, '../fixtures/gcs/gcsfuse-mount.ts');
/** Mounts, says where, and goes on for ever. */
const program = `
  const { mountGcsfuse } = await import(process.argv[1]);
  const mount = await mountGcsfuse(process.argv[2], process.argv[3]);
  console.log(mount.skip ?? mount.path);
  setInterval(() => {}, 1000);
`;

let server: GcsServer | undefined;
before(async () => {
  const started = await startGcsServer();
  server = 'skip' in started ? undefined : started;
});
after(() => server?.stop());

const isMounted = (path: string) => readFileSync('/proc/mounts', 'utf8').includes(` ${path} `);

/** A process with a mount: SIGKILL, and what is left of the mount. */
async function cutOff(url: string, bucket: string, withItsShell: boolean): Promise<string | undefined> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, fixture, url, bucket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await once(child.stdout, 'data');
  const path = String(said).trim();
  const mounted = path.startsWith('/');
  if (mounted) assert.ok(isMounted(path));
  if (withItsShell) {
    for (const { pid, command } of processesOf(path)) if (command.startsWith('sh ')) process.kill(pid, 'SIGKILL');
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  return mounted ? path : undefined;
}

test('kill -9 of who mounted: the mount goes', async (t) => {
  if (server === undefined) return t.skip('no GCS server');
  const path = await cutOff(server.url, await server.bucket(), false);
  if (path === undefined) return t.skip('nothing can be mounted here');
  await awaitFact('the mount is gone', () => !isMounted(path) && !existsSync(path) && processesOf(path).length === 0);
  for (const end of ['log', 'mount']) assert.equal(existsSync(`${path}.${end}`), false);
});

test('kill -9 of it and of the shell that unmounts: the next one takes it away', async (t) => {
  if (server === undefined) return t.skip('no GCS server');
  const path = await cutOff(server.url, await server.bucket(), true);
  if (path === undefined) return t.skip('nothing can be mounted here');
  assert.ok(isMounted(path), 'nobody has unmounted it');
  const next = await mountGcsfuse(server.url, await server.bucket());
  assert.ok('path' in next);
  try {
    assert.equal(isMounted(path), false);
    assert.equal(existsSync(path), false);
    await awaitFact('its GCS Fuse is gone', () => processesOf(path).length === 0);
    assert.ok(isMounted(next.path), 'one whose owner lives stays');
  } finally {
    await next.unmount();
  }
  assert.deepEqual([isMounted(next.path), existsSync(next.path)], [false, false]);
});
