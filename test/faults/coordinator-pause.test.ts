/** SIGSTOP of the coordinator for a minute: its tenant serves on, and what was under way is neither lost nor done twice. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { probeStartup } from '@opencrane/agent/openclaw/probes.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { Kind, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { effectiveValue, signedIn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { FaultFile } from '../fixtures/fault-file.ts';
import { isStopped, processesOf } from '../fixtures/processes.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

const PAUSE_MILLIS = 60_000;
const scope = tenantScope('jente');
let home: string;
let faults: FaultFile;
let coordinator: CoordinatorProcess;

before(async () => {
  home = await seededHome();
  faults = new FaultFile(home);
  coordinator = await startCoordinator(home, faults.environment);
  await readyTenant(coordinator, 'jente');
});

after(async () => {
  assert.equal(await coordinator.stop(), 0);
  assert.deepEqual(processesOf(home), [], 'nothing stays behind');
  removeHome(home);
});

/** What the agent wrote each time its stream ended. */
function streamEnds(): { readonly why: string; readonly waitMillis: number }[] {
  return readFileSync(join(home, 'tenants', 'jente', 'logs', 'agent.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('the stream to the coordinator ended'))
    .map((line) => JSON.parse(line));
}

async function ends(revision: bigint): Promise<number> {
  const { receipts } = await coordinator.clients.config.listConfigHistory({ scope });
  return receipts.filter((each) => each.revision === revision && each.state !== ReceiptState.APPLYING).length;
}

test('a coordinator that stands still for a minute', { timeout: 300_000 }, async (t) => {
  const { clients } = coordinator;
  const { url } = await clients.tenants.getTenantAccess({ name: 'jente' });
  const port = Number(new URL(url).port);
  faults.arm('config:begin');
  const first = await set(clients, scope, { 'agents.defaults.timeoutSeconds': 901 });
  const agent = await faults.reached('config:begin'); // offered, and not yet applied
  process.kill(coordinator.pid, 'SIGSTOP');
  await awaitFact('the coordinator stands still', () => isStopped(coordinator.pid));
  process.kill(agent, 'SIGCONT');

  const until = performance.now() + PAUSE_MILLIS;
  let looks = 0;
  for (; performance.now() < until; looks += 1) {
    const { started } = await probeStartup(port, { signal: AbortSignal.timeout(5_000), timeoutMillis: 5_000 });
    assert.equal(started, true, `serving after ${looks} looks`);
    await wait(500);
  }
  const noticed = streamEnds();
  assert.ok(noticed.length > 0, 'the agent noticed');
  process.kill(coordinator.pid, 'SIGCONT');
  const second = await set(clients, scope, { 'agents.defaults.maxConcurrent': 3 });

  const receipt = await settled(clients, 'jente', Kind.CONFIG, second);
  assert.equal(receipt.state, ReceiptState.APPLIED, receipt.message);
  assert.deepEqual([await ends(first), await ends(second)], [1, 1], 'each is applied once');
  await signedIn(clients, 'jente', async (gateway) => {
    assert.equal(await effectiveValue(gateway, 'agents.defaults.timeoutSeconds'), 901);
    assert.equal(await effectiveValue(gateway, 'agents.defaults.maxConcurrent'), 3);
  });
  const waits = noticed.map(({ waitMillis }) => waitMillis);
  // Without jitter each wait is its ceiling: 500 ms, doubled at each failure.
  assert.ok(
    waits.some((millis, failures) => millis !== 500 * 2 ** failures),
    'jittered',
  );
  t.diagnostic(
    `${looks} looks while it stood still; ${noticed[0]?.why}; waits before each try: ${waits.join(', ')} ms`,
  );
});
