/**
 * The coordinator in embedded mode: everything is constructed here, and nowhere else.
 *
 *   lock ▶ database ▶ agent plane ▶ local platform ▶ tenants ▶ admin plane ▶ endpoints.json      (stopped in the reverse order)
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { exitCodeOf, exitCodes, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { fileError } from '@opencrane/kit/file-error.ts';
import { Lifecycle, runUntilSignal } from '@opencrane/kit/lifecycle.ts';
import { writeLastWords } from '@opencrane/kit/log-output.ts';
import { createLogger, type Logger } from '@opencrane/kit/logging.ts';
import { createRegistry } from '@opencrane/kit/metrics.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { AuditService } from '@opencrane/proto/opencrane/v1/audit_pb.ts';
import { Kind, type Progress, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { ConfigService } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { EventService } from '@opencrane/proto/opencrane/v1/event_pb.ts';
import { RuntimeService } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { TenantService } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { VaultService } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { createAdminServer, served } from './admin/admin-server.ts';
import { AgentPlane } from './agents/agent-plane.ts';
import { AuditLog } from './audit/audit-log.ts';
import { auditService } from './audit/audit-service.ts';
import { blamedLayer } from './config/blamed-layer.ts';
import { ConfigCheck } from './config/config-check.ts';
import { configService } from './config/config-service.ts';
import { SecretMask } from './config/secret-mask.ts';
import { endpointsFile } from './endpoints-file.ts';
import { EventLog } from './events/event-log.ts';
import { eventService } from './events/event-service.ts';
import { CoordinatorWitness } from './fence/coordinator-witness.ts';
import { GivenUpHoldings } from './fence/given-up.ts';
import { AdminToken } from './identity/admin-token.ts';
import { AgentTokens } from './identity/agent-tokens.ts';
import { readOrCreateSecret } from './identity/secret-file.ts';
import { leanFlags } from './local-platform/lean-process.ts';
import { LocalPlatform } from './local-platform/local-platform.ts';
import { TenantOffers } from './offers/desired-state.ts';
import { ReceiptStore } from './receipts/receipt-store.ts';
import { RevisionStore } from './revisions/revision-store.ts';
import { BlobStore } from './runtimes/blob-store.ts';
import { platformName, RuntimeBuilder } from './runtimes/builder.ts';
import { RuntimeCatalogue } from './runtimes/catalogue.ts';
import { createNpm } from './runtimes/npm.ts';
import { OpenClawJudge } from './runtimes/openclaw-judge.ts';
import { RuntimesOfTenants } from './runtimes/runtime-desired.ts';
import { RuntimePreparer } from './runtimes/runtime-preparer.ts';
import { runtimeService } from './runtimes/runtime-service.ts';
import { RuntimeWishes } from './runtimes/runtime-wishes.ts';
import { servedVersions } from './runtimes/served-versions.ts';
import { TenantBundles } from './runtimes/tenant-bundles.ts';
import { unpackedRuntime } from './runtimes/unpacked.ts';
import { type CoordinatorSettings, readCoordinatorSettings } from './settings.ts';
import { GroupCommit } from './store/group-commit.ts';
import { RetentionLoop } from './store/retention.ts';
import { Store } from './store/store.ts';
import { agentObserver } from './tenants/agent-observer.ts';
import { TenantKeeper } from './tenants/keeper.ts';
import { loadDirectory } from './tenants/load.ts';
import { runtimeTenants } from './tenants/runtime-tenants.ts';
import { tenantService } from './tenants/tenant-service.ts';
import { TenantStore } from './tenants/tenant-store.ts';
import { vaultService } from './vault/vault-service.ts';

/** Both planes of the embedded mode are for this machine only. */
const HOST = '127.0.0.1';
const repository = join(import.meta.dirname, '..');
const random = Math.random;
const newId = randomUUID;

async function start(settings: CoordinatorSettings, lifecycle: Lifecycle, log: Logger): Promise<void> {
  const { home } = settings;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const lock = takeProcessLock(join(home, 'coordinator.lock'), `the coordinator of ${home}`);
  await lifecycle.start({ name: 'lock', stop: () => lock.release() });

  const store = await Store.open(settings.database, log);
  await lifecycle.start({ name: 'database', stop: () => store.close() });
  const [tokens, authenticator, markKey] = await Promise.all([
    AgentTokens.open(join(home, 'keys', 'agent-tokens.pem'), clock),
    AdminToken.open(join(home, 'admin-token'), () => randomBytes(32).toString('base64url')),
    readOrCreateSecret(join(home, 'keys', 'secret-marks.key'), () => randomBytes(32).toString('hex')),
  ]);
  const registry = createRegistry('coordinator');
  const tenants = new TenantStore(store);
  const revisions = new RevisionStore(store, clock);
  const receipts = new ReceiptStore(store, clock);
  const events = new EventLog(store, clock);
  const audit = new AuditLog(store, clock);
  const givenUp = new GivenUpHoldings(store);
  const witnessId = await givenUp.witnessId();
  const directory = await loadDirectory(tenants, receipts);

  const platform = { nodeVersion: process.versions.node, os: process.platform, arch: process.arch };
  const blobs = new BlobStore(join(home, 'blobs'));
  const catalogue = new RuntimeCatalogue(store);
  const builder = new RuntimeBuilder({
    npm: createNpm(process.env, join(home, 'npm')),
    catalogue,
    blobs,
    stages: join(home, 'stages'),
    platform,
    environment: process.env,
    clock,
  });
  await builder.sweep();
  const ofRuntimes = runtimeTenants(directory, tenants);
  const wishes = new RuntimeWishes({ store, revisions, audit, tenants: ofRuntimes });
  const builds = {
    builder,
    clock,
    progress(tenant: string, progress: Progress) {
      directory.observe(tenant, { progress: progress.finished ? undefined : progress });
      events.progress(tenant, progress);
    },
  };
  const bundles = { wishes, catalogue, platform: platformName(platform) };
  const preparer = new RuntimePreparer({
    ...builds,
    ...bundles,
    builder,
    revisions,
    tenants: ofRuntimes,
    blobs,
    store,
    events,
    random,
    log,
  });
  const runtimes = new RuntimesOfTenants({
    ...builds,
    ...bundles,
    preparer,
    wasRefused: (tenant) => directory.find(tenant)?.observed.receipts.get(Kind.RUNTIME)?.state === ReceiptState.FAILED,
  });
  const retained = [
    { what: 'events', keptMillis: settings.eventsKeptMillis, prune: events.prune.bind(events) },
    { what: 'receipts', keptMillis: settings.receiptsKeptMillis, prune: receipts.prune.bind(receipts) },
  ];
  await lifecycle.start(new RetentionLoop({ retained, newestAt: events.newestAt.bind(events), clock, log }));
  const commits = new GroupCommit(store);
  await lifecycle.start({ name: 'group commit', stop: () => commits.idle() });
  const observer = agentObserver({
    directory,
    tenants,
    receipts,
    events,
    commits,
    runtimeRequests: runtimes,
    revisions,
    blamedLayer,
    clock,
  });
  const desired = new TenantOffers({ directory, revisions, runtimes });
  await lifecycle.start(preparer);
  await lifecycle.start({ name: 'builder', stop: () => builder.close() });

  const agents = new AgentPlane({
    host: HOST,
    port: settings.agentPort,
    desired,
    observer,
    verifier: tokens,
    blobs: new TenantBundles({ ...bundles, blobs, lost: () => preparer.look() }),
    witness: new CoordinatorWitness({ store, givenUp, events, id: witnessId, directory, clock }),
    registry,
    log,
    clock,
    random,
    newId,
  });
  await lifecycle.start(agents);
  const local = new LocalPlatform({
    home,
    agentAddress: () => agents.address(),
    witnessId,
    tokens,
    commands: {
      agent: [process.execPath, ...leanFlags, join(repository, 'agent', 'main.ts')],
      launcher: [process.execPath, ...leanFlags, join(repository, 'agent', 'launcher', 'main.ts')],
      bucket: [process.execPath, ...leanFlags, join(repository, 'agent', 'vault', 'offline', 'main.ts')],
    },
    environment: process.env,
    buckets: settings.buckets,
    retention: settings.retention,
    logLevel: settings.logLevel,
    clock,
    random,
    log,
  });
  await lifecycle.start(local);
  const keeper = new TenantKeeper({
    store,
    tenants,
    revisions,
    receipts,
    givenUp,
    events,
    directory,
    platform: local,
    clock,
    random,
    log,
  });
  await lifecycle.start(keeper);

  const unpacked = { catalogue, platform: platformName(platform), folder: join(home, 'runtimes') };
  const check = new ConfigCheck({
    judge: new OpenClawJudge({
      runtimeOf: (version) => unpackedRuntime(unpacked, version),
      folder: join(home, 'judge'),
    }),
    versions: servedVersions({
      revisions,
      running: (tenant) => directory.find(tenant)?.observed.health?.openclawVersion ?? '',
    }),
    revisions,
    tenants,
  });

  const admin = createAdminServer({
    host: HOST,
    port: settings.adminPort,
    services: [
      served(
        TenantService,
        tenantService({
          store,
          tenants,
          directory,
          keeper,
          desired,
          platform: local,
          commands: agents,
          audit,
          events,
          clock,
        }),
      ),
      served(
        ConfigService,
        configService({ store, revisions, receipts, tenants, audit, check, secrets: new SecretMask(markKey) }),
      ),
      served(
        RuntimeService,
        runtimeService({ builder, catalogue, wishes, revisions, receipts, tenants: ofRuntimes, clock }),
      ),
      served(VaultService, vaultService({ store, directory, tenants, agents, audit, events, log }), {
        compressed: false,
      }),
      served(AuditService, auditService(audit)),
      served(EventService, eventService(events)),
    ],
    authenticator,
    registry,
    clock,
    log,
    newId,
  });
  await lifecycle.start(admin);
  await lifecycle.start(endpointsFile(home, () => ({ adminUrl: admin.url(), agentAddress: agents.address() })));
  local.up();
  log.info({ adminUrl: admin.url(), agentAddress: agents.address(), home }, 'coordinator ready');
}

async function main(): Promise<number> {
  const settings = readCoordinatorSettings(process.argv.slice(2), process.env);
  const log = createLogger({ program: 'coordinator', level: settings.logLevel });
  const lifecycle = new Lifecycle(log);
  const failed = start(settings, lifecycle, log).then(() => new Promise<never>(() => {}));
  const ending = await runUntilSignal(lifecycle, failed);
  if ('failure' in ending) throw ending.failure;
  log.info(ending, 'coordinator stopped');
  return exitCodes.ok;
}

try {
  process.exitCode = await main();
} catch (thrown) {
  const doing = 'running the coordinator';
  const error = fileError(thrown, doing) ?? toOpenCraneError(thrown, doing);
  writeLastWords(`coordinator: ${error.message}${error.mend && `\n  to mend it: ${error.mend}`}`);
  process.exitCode = exitCodeOf(error);
}
