/**
 * Every use of `opencrane` that help or the documentation shows is run, by a shell, on an installation where what the
 * examples name is there: tenants, a bucket, keys. What is another everywhere (numbers and times of snapshots, addresses of
 * buckets, folders) becomes that of this installation.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { shownLines, withoutRemark } from '@opencrane/cli/commands/testing-lines.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { processesOf } from '../fixtures/processes.ts';
import { versions } from '../fixtures/runtime-seed.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

const main = join(import.meta.dirname, '../../cli/main.ts');
const LINE_MILLIS = 120_000;

/** Lines that are not run here, each with why. A line that is shown nowhere any more fails the test. */
const notRun: Readonly<Record<string, string>> = {
  'opencrane start': 'an installation of its own from the registry: first-start.test.ts',
  'opencrane start --home /srv/opencrane --admin-port 0 --agent-port 0': 'the same',
  'opencrane runtime build': 'the newest version from the registry: runtime-builder.test.ts',
  'opencrane tenant shell jente -- openclaw update': 'the same: update-shim.test.ts',
  'EDITOR="code --wait" opencrane config edit --org': 'takes Visual Studio Code',
};

/** Follow what happens until they are interrupted. */
const follows = /^(npx )?opencrane (events --follow|tenant watch|tenant logs jente --follow)/;

/** What has to be so before a line; what it does has to be possible again and again. */
const needs: readonly { readonly line: RegExp; readonly make: () => Promise<void> }[] = [
  { line: /tenant create mees/, make: () => gone('mees') },
  { line: /tenant delete mees/, make: () => there('mees') },
  { line: /--restore-kept-state/, make: upgraded },
  { line: /pin 2026.9.5 --tenant jente --reason/, make: wentBack },
  { line: /config (get|unset) logging.level --tenant/, make: () => withLevel() },
];

/** Asked of a person, who types the name. */
const asks = /tenant delete mees$|vault restore --tenant jente --at \S+$/;

/** As diff(1): 1 when there are differences. */
const differs = /(config|vault) diff .*(--from|12 41|120 184|T09:00)/;

let coordinator: CoordinatorProcess;
/** Outside of the home: programs that have ended, and what they wrote. */
const folder = mkdtempSync(join(tmpdir(), 'oc-lines-'));
let facts: readonly (readonly [RegExp, string])[];

before(async () => {
  coordinator = await startCoordinator(await seededHome());
  const { clients } = coordinator;
  await clients.runtimes.pinRuntime({
    scope: { scope: { case: 'organisation', value: true } },
    version: versions.previous,
  });
  await readyTenant(coordinator, 'jente');
  const scope = tenantScope('jente');
  const revisions: bigint[] = [];
  for (const timeoutSeconds of [601, 602]) {
    const revision = await set(clients, scope, { 'agents.defaults.timeoutSeconds': timeoutSeconds });
    await settled(clients, 'jente', Kind.CONFIG, revision);
    await clients.vault.takeSnapshot({ tenant: 'jente' });
    revisions.push(revision);
  }
  for (const file of ['workspace/report.md', 'agents/main/notes.md']) {
    const path = join(coordinator.home, 'tenants/jente/state', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'what was lost\n');
  }
  await clients.vault.takeSnapshot({ tenant: 'jente' });
  const { list } = await clients.vault.listSnapshots({ tenant: 'jente' });
  const [newest, older] = [list?.snapshots[0], list?.snapshots[1]];
  const [from = 0n, to = 0n] = revisions;
  const momentOf = (snapshot: typeof newest) => new Date(Number(snapshot?.takenAtMillis) + 1).toISOString();
  facts = [
    [/--from 7 --to 9/, `--from ${from} --to ${to}`],
    [/\bdiff (12|120) (41|184)\b/, `diff ${older?.sequence} ${newest?.sequence}`],
    [/--snapshot \d+/, `--snapshot ${newest?.sequence}`],
    [/\S+T09:00/, momentOf(older)],
    [/2026-\d\d-\d\dT\d\d:\d\d(?= |$)/, momentOf(newest)],
    [/gs:\/\/acme-jente/, './acme-jente'],
  ];
  assert.equal(await coordinator.stop(), 0); // so that nobody has to be waited for who has the copy
  cpSync(join(coordinator.home, 'tenants/jente/openclaw'), join(folder, 'bucket'), { recursive: true });
  coordinator = await startCoordinator(coordinator.home);
  await awaitTenant(coordinator.clients, 'jente', 'ready again', ({ status }) => status?.phase === Phase.READY);
  program('opencrane', `exec '${process.execPath}' '${main}' "$@"`);
  program('npx', 'exec "$@"');
});

after(async () => {
  assert.equal(await coordinator.stop(), 0);
  assert.deepEqual(processesOf(coordinator.home), []);
  removeHome(coordinator.home);
  rmSync(folder, { recursive: true });
});

function program(name: string, script: string): void {
  const path = join(folder, 'bin', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o700);
}

async function gone(name: string): Promise<void> {
  const { tenants } = coordinator.clients;
  const isThere = async () => (await tenants.listTenants({})).tenants.some((tenant) => tenant.name === name);
  if (await isThere()) await tenants.deleteTenant({ name });
  await awaitFact(`${name} is gone`, async () => !(await isThere()));
  rmSync(join(coordinator.home, 'tenants', name), { recursive: true, force: true }); // what was retained
}

async function there(name: string): Promise<void> {
  await gone(name);
  await coordinator.clients.tenants.createTenant({ name });
}

/** A state of the version before is kept by an upgrade from it. */
async function upgraded(): Promise<void> {
  const { runtimes } = coordinator.clients;
  for (const version of [versions.previous, versions.current]) {
    const { revision } = await runtimes.pinRuntime({ scope: tenantScope('jente'), version });
    if (revision) await settled(coordinator.clients, 'jente', Kind.RUNTIME, revision.revision);
  }
}

/** The version before serves again, on the state from before the upgrade. */
async function wentBack(): Promise<void> {
  await upgraded();
  const to = { scope: tenantScope('jente'), version: versions.previous, restoreKeptState: true };
  const { revision } = await coordinator.clients.runtimes.pinRuntime(to);
  await settled(coordinator.clients, 'jente', Kind.RUNTIME, revision?.revision ?? 0n);
}

async function withLevel(): Promise<void> {
  const revision = await set(coordinator.clients, tenantScope('jente'), { 'logging.level': 'debug' });
  await settled(coordinator.clients, 'jente', Kind.CONFIG, revision);
}

const lines = [...new Map(shownLines().map((shown) => [withoutRemark(shown.line), shown])).entries()];

test('what is not run is shown somewhere', () => {
  const shown = new Set(lines.map(([line]) => line));
  assert.deepEqual(
    Object.keys(notRun).filter((line) => !shown.has(line)),
    [],
  );
  assert.ok(lines.length > 80, `${lines.length} lines`);
});

for (const [line, { where }] of lines) {
  if (line in notRun) continue;
  test(`${where}: ${line}`, { timeout: LINE_MILLIS + 10_000 }, async () => {
    for (const need of needs) if (need.line.test(line)) await need.make();
    const typed = facts.reduce((text, [shown, here]) => text.replace(shown, here), line);
    const { code, output } = await run(typed, follows.test(line), AbortSignal.timeout(LINE_MILLIS));
    assert.equal(code, differs.test(line) ? 1 : 0, `${typed}\n${output}`);
  });
}

/** Runs it where `.opencrane` is the installation, beside copies of the tenant's key and bucket. */
async function run(
  line: string,
  isFollowing: boolean,
  signal: AbortSignal,
): Promise<{ code: number | null; output: string }> {
  const cwd = mkdtempSync(join(folder, 'work-'));
  const tenant = join(coordinator.home, 'tenants/jente');
  symlinkSync(coordinator.home, join(cwd, '.opencrane'));
  for (const name of ['acme-jente', 'bucket', 'copy']) {
    if (!line.includes(name)) continue;
    cpSync(join(folder, 'bucket'), join(cwd, name), { recursive: true });
  }
  cpSync(join(tenant, 'key/tenant.key'), join(cwd, 'tenant.key'));
  if (line.startsWith('opencrane vault rotate-key'))
    writeFileSync(join(cwd, 'new.key'), `${'5a'.repeat(32)}\n`, { mode: 0o600 });
  const script = line.replaceAll('/tmp/', `${cwd}/`).replace(asks, '$& --yes');
  const child = spawn('sh', ['-c', isFollowing ? `exec ${script}` : script], {
    cwd,
    env: { ...process.env, PATH: [join(folder, 'bin'), process.env['PATH']].join(delimiter), EDITOR: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const end = (how: NodeJS.Signals) => child.pid !== undefined && process.kill(-child.pid, how);
  signal.addEventListener('abort', () => end('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (isFollowing) end('SIGINT');
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (signal.aborted) throw new Error(`${line} did not end; it said ${output}`);
  return { code, output };
}
