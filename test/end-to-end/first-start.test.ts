/**
 * What the README promises, as a person would try it: a clean clone, an empty cache, `npm ci && npm start`, a turn,
 * Ctrl-C; then a second start with no registry in reach.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, globSync, lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { awaitFact, NeverError } from '@opencrane/kit/testing/await-fact.ts';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { conversation, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type AdminClients, adminClients } from '../fixtures/coordinator-process.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { processesOf } from '../fixtures/processes.ts';
import { set, settled, tenantScope } from '../fixtures/tenants.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'oc-first-'));
const clone = join(folder, 'opencrane');
const home = join(clone, '.opencrane');
const started: Npm[] = [];
let model: ModelStandIn;

before(async () => {
  model = await ModelStandIn.listen();
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  const files = list
    .toString()
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(root, file)));
  for (const file of files) cpSync(join(root, file), join(clone, file));
});

after(async () => {
  for (const each of started) if (each.child.exitCode === null && each.child.signalCode === null) each.interrupt();
  await Promise.all(started.map(({ ended }) => ended));
  await model.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** The environment of a person's terminal: their npm configuration, nothing of the npm and the test that run us. */
function terminal(): NodeJS.ProcessEnv {
  const ours =
    /^(npm_(package|lifecycle|command|execpath|node|config_local_prefix)|NODE_(?!EXTRA_CA_CERTS)|INIT_CWD|FORCE_COLOR)/;
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name));
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((part) => !part.includes('node_modules'));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter), npm_config_cache: join(folder, 'cache') };
}

/** npm, as a shell's foreground job: a process group of its own, to which Ctrl-C goes. */
class Npm {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  output = '';

  constructor(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const env = { ...terminal(), ...environment };
    this.child = spawn('npm', args, { cwd: clone, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = once(this.child, 'close');
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (data) => {
        this.output += data;
      });
    started.push(this);
  }

  interrupt(): void {
    if (this.child.pid !== undefined) process.kill(-this.child.pid, 'SIGINT');
  }

  /** Waits until it has printed this. */
  async prints(pattern: RegExp, withinMillis: number): Promise<void> {
    const look = () => {
      if (this.child.exitCode !== null) throw new NeverError(`npm ended with ${this.child.exitCode}: ${this.output}`);
      return pattern.test(this.output);
    };
    await awaitFact(`npm start prints ${pattern}`, look, { withinMillis }).catch((cause) => {
      throw new Error(`npm start has printed this so far: ${this.output}`, { cause });
    });
  }
}

const start = (environment?: NodeJS.ProcessEnv) =>
  new Npm(['start', '--', '--admin-port', '0', '--agent-port', '0'], environment);

function clients(): AdminClients {
  const { adminUrl } = JSON.parse(readFileSync(join(home, 'endpoints.json'), 'utf8'));
  return adminClients(adminUrl, readFileSync(join(home, 'admin-token'), 'utf8').trim());
}

async function assertReady(npm: Npm): Promise<void> {
  const { url } = await clients().tenants.getTenantAccess({ name: 'jente' });
  assert.ok(npm.output.includes(new URL(url).host), `it says where to sign in: ${npm.output}`);
  const answer = await fetch(new URL('/startupz', url));
  assert.equal(answer.status, 200, await answer.text());
  await signedIn(clients(), 'jente', async () => {}); // resolves on hello-ok
}

async function assertInterruptLeavesNothing(npm: Npm): Promise<void> {
  npm.interrupt();
  await npm.ended;
  assert.match(npm.output, /nothing runs any more/);
  // The script says `exec`: npm's shell would die of the Ctrl-C, and npm tell of that and not of the exit code.
  assert.equal(npm.child.exitCode, 0, npm.output);
  assert.deepEqual(processesOf(folder), [], 'no process');
  const files = globSync('**/*', { cwd: home }).map((file) => join(home, file));
  const stats = files.flatMap((file) => {
    const stat = lstatSync(file, { throwIfNoEntry: false });
    return stat ? [{ file, stat }] : [];
  });
  assert.deepEqual(
    stats.filter(({ stat }) => stat.isSocket()).map(({ file }) => file),
    [],
    'no socket',
  );
  const locks = stats.filter(
    ({ file, stat }) => stat.isFile() && /(^|[./])lock$/.test(file) && !file.includes('/state/'),
  );
  assert.ok(locks.length > 0, 'there are lock files to try');
  for (const { file } of locks) takeProcessLock(file, 'the test').release(); // throws when somebody holds it
}

test('npm ci, from an empty cache', { timeout: 300_000 }, async () => {
  const npm = new Npm(['ci', '--no-audit', '--no-fund']);
  await npm.ended;
  assert.equal(npm.child.exitCode, 0, npm.output);
});

test('npm start: a real OpenClaw of the registry, a turn, and Ctrl-C', { timeout: 480_000 }, async () => {
  const npm = start();
  await npm.prints(/jente is ready/, 360_000);
  for (const step of ['download', 'unpack', 'start']) assert.match(npm.output, new RegExp(step), 'progress is shown');
  await assertReady(npm);
  const revision = await set(clients(), tenantScope('jente'), model.configuration());
  assert.equal((await settled(clients(), 'jente', Kind.CONFIG, revision)).state, ReceiptState.APPLIED);
  await signedIn(clients(), 'jente', (gateway) => takeTurn(gateway, 'remember the heron'));
  await assertInterruptLeavesNothing(npm);
});

test('a second npm start needs no network, and nothing is forgotten', { timeout: 180_000 }, async () => {
  const npm = start({ npm_config_registry: 'http://127.0.0.1:9/' });
  await npm.prints(/jente is ready/, 120_000);
  await assertReady(npm);
  assert.match(await signedIn(clients(), 'jente', conversation), /heron/);
  await assertInterruptLeavesNothing(npm);
});
