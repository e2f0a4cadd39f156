/** In the operator's place on one machine: an agent and a launcher per tenant as processes under the home folder. */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import type { AgentTokens } from '../identity/agent-tokens.ts';
import { readOrCreateSecret } from '../identity/secret-file.ts';
import type { Access, LogProgram, Platform, Removal, Retention } from '../tenants/ports.ts';
import { AgentTokenFiles } from './agent-token-files.ts';
import { BucketProgram } from './bucket-program.ts';
import { bucketTaken, keptKeys } from './bucket-taken.ts';
import type { DetachedSpec } from './detached.ts';
import { GatewayPorts, readGatewayPort } from './gateway-port.ts';
import { keyWithin, makeFolders, retainedFolder, type TenantLayout, tenantLayout } from './layout.ts';
import { leanEnvironment } from './lean-process.ts';
import { readLog } from './log-reader.ts';
import { Program, type ProgramSpec } from './program.ts';
import { handedDown } from './program-environment.ts';
import { TenantPrograms } from './tenant-programs.ts';
import { type TroubleListener, Troubles } from './troubles.ts';

/** What the platform needs. */
export type LocalPlatformOptions = {
  readonly home: string;
  /** `host:port` for agents; known once the agent plane listens. */
  readonly agentAddress: () => string;
  /** What the tenants' leases name as their witness (coordinator/fence/). */
  readonly witnessId: string;
  readonly tokens: Pick<AgentTokens, 'issue'>;
  /** The command lines of the two programs, without arguments of their own. */
  readonly commands: {
    readonly agent: DetachedSpec['command'];
    readonly launcher: DetachedSpec['command'];
    readonly bucket: DetachedSpec['command'];
  };
  /** The coordinator's own environment; what tenants need of it is handed down. */
  readonly environment: NodeJS.ProcessEnv;
  /** Address of a tenant's bucket, with `{tenant}` in it; undefined for a folder beside the tenant's others. */
  readonly buckets: string | undefined;
  /** Which snapshots agents keep; undefined for their default. */
  readonly retention: string | undefined;
  readonly logLevel: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
};

/** For the launcher, to let OpenClaw finish its turns (315 s) and leave (15 s); for the agent, to bring a last snapshot into the bucket. */
const STOP_MILLIS = { launcher: 345_000, agent: 60_000 } as const;

/**
 * The platform. It stops everything when the coordinator stops, and leaves everything running when the coordinator crashes. One
 * that does not get as far as being up leaves what it has found running.
 */
export class LocalPlatform implements Platform, Part {
  readonly name = 'local platform';
  readonly #options: LocalPlatformOptions;
  readonly #running = new Map<string, Promise<TenantPrograms>>();
  readonly #ports: GatewayPorts;
  readonly #tokens: AgentTokenFiles;
  readonly #troubles = new Troubles();
  readonly #buckets: BucketProgram;
  #isUp = false;

  constructor(options: LocalPlatformOptions) {
    const { tokens, clock, log, random, commands, environment } = options;
    this.#options = options;
    this.#ports = new GatewayPorts(() => this.#takenPorts(), random);
    const lean = { ...handedDown('bucket', environment), ...leanEnvironment };
    this.#buckets = new BucketProgram({ command: commands.bucket, environment: lean });
    this.#tokens = new AgentTokenFiles({
      issue: (tenant) => tokens.issue(tenant, randomUUID()),
      file: (tenant) => this.#layout(tenant).agentToken,
      clock,
      log,
    });
  }

  onTrouble(listener: TroubleListener): void {
    this.#troubles.listen(listener);
  }

  start(): void {
    this.#tokens.start();
  }

  /** The coordinator is up: from now on its end is the end of everything, of what was found running, too. */
  up(): void {
    this.#isUp = true;
  }

  async stop(hurry: AbortSignal): Promise<void> {
    await this.#tokens.stop();
    const started = await Promise.allSettled(this.#running.values());
    const running = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const isLeft = (programs: TenantPrograms) => !this.#isUp && programs.wereFound;
    for (const programs of running.filter(isLeft)) programs.leave();
    const ours = running.filter((programs) => !isLeft(programs));
    const stopped = await Promise.allSettled(ours.map((programs) => programs.stop(hurry)));
    this.#running.clear();
    const failures = stopped.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    if (failures.length > 0) throw new AggregateError(failures, 'some tenants failed to stop');
  }

  async ensure(tenant: string): Promise<void> {
    let running = this.#running.get(tenant);
    if (running === undefined) {
      running = this.#begin(tenant);
      this.#running.set(tenant, running);
      running.catch(() => this.#running.delete(tenant)); // the next call tries again
    }
    await running;
  }

  async assertFree(tenant: string): Promise<void> {
    const { home, buckets } = this.#options;
    if (buckets === undefined) return; // its bucket is in its folder, together with its key
    const layout = this.#layout(tenant);
    const bucket = this.#bucket(tenant, layout);
    const { vault, keys } = await this.#buckets.look({ bucket, keyFile: layout.key });
    if (vault === 'other') throw bucketTaken({ tenant, bucket, keys, key: layout.key, kept: keptKeys(home, tenant) });
  }

  async remove(tenant: string, retention: Retention, signal: AbortSignal): Promise<Removal> {
    const layout = this.#layout(tenant);
    const { data } = layout;
    if (!existsSync(data)) return { retainedAt: '', retainedBucket: '', retainedKey: '' };
    // One whose delete a crashed coordinator has begun was not started by us, and may run all the same.
    const programs = (await this.#running.get(tenant)) ?? this.#programs(tenant, 0);
    await programs.stop(new AbortController().signal);
    this.#running.delete(tenant);
    this.#tokens.forget(tenant);
    this.#troubles.forget(tenant);
    const { home, buckets, clock } = this.#options;
    if (retention === 'delete') {
      // The folder has the key, by which a removal that was cut off goes on: it goes last.
      const retainedBucket = buckets === undefined ? '' : await this.#emptyBucket(tenant, layout, signal);
      await removeTree(data);
      return { retainedAt: '', retainedBucket, retainedKey: '' };
    }
    const retainedAt = join(retainedFolder(home), `${tenant}-${clock.now()}`);
    await mkdir(dirname(retainedAt), { recursive: true, mode: 0o700 });
    await rename(data, retainedAt);
    if (buckets === undefined) return { retainedAt, retainedBucket: '', retainedKey: '' };
    return { retainedAt, retainedBucket: this.#bucket(tenant, layout), retainedKey: keyWithin(retainedAt) };
  }

  readLogs(
    tenant: string,
    { program, tail, follow }: { readonly program: LogProgram; readonly tail: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<readonly string[]> {
    return readLog(this.#layout(tenant).log(program), { tail, follow }, signal);
  }

  async access(tenant: string): Promise<Access> {
    const layout = this.#layout(tenant);
    const port = await readGatewayPort(layout.platform);
    if (port === undefined) throw notSetUp(tenant);
    const token = await gatewayToken(layout);
    const path = [layout.bin, dirname(process.execPath), this.#options.environment['PATH'] ?? ''].join(delimiter);
    return {
      // The Control UI takes the token from the fragment, which no server sees.
      url: `http://127.0.0.1:${port}/#token=${token}`,
      token,
      shellEnvironment: { PATH: path, OPENCRANE_TENANT: tenant, OPENCRANE_DATA: layout.data },
      shellDirectory: layout.state,
    };
  }

  /** Empties a bucket that is elsewhere; its address when that has something in it which is not this tenant's. */
  async #emptyBucket(tenant: string, layout: TenantLayout, signal: AbortSignal): Promise<string> {
    const bucket = this.#bucket(tenant, layout);
    if (!existsSync(layout.key)) {
      const { vault } = await this.#buckets.look({ bucket, keyFile: layout.key });
      return vault === 'none' ? '' : bucket;
    }
    try {
      const { left } = await this.#buckets.remove({ bucket, keyFile: layout.key }, layout.disk, signal);
      return left ? bucket : '';
    } catch (cause) {
      const reason = cause instanceof OpenCraneError ? cause.reason : '';
      if (reason === 'bucket_missing') return '';
      if (!['wrong_key', 'object_missing'].includes(reason)) throw cause;
      const why = messageOf(cause);
      this.#options.log.warn(
        { tenant, bucket, why },
        'the vault in the bucket is not of this tenant’s key, and is kept',
      );
      return bucket;
    }
  }

  async #begin(tenant: string): Promise<TenantPrograms> {
    const layout = this.#layout(tenant);
    await makeFolders(layout);
    await gatewayToken(layout);
    await tenantKey(layout);
    const port = await this.#ports.assign(layout.platform);
    await this.#tokens.keep(tenant);
    const programs = this.#programs(tenant, port);
    await programs.keep();
    return programs;
  }

  #programs(tenant: string, port: number): TenantPrograms {
    const { clock, random } = this.#options;
    const log = this.#options.log.child({ tenant });
    const tools = (program: 'agent' | 'launcher') => ({
      clock,
      random,
      log,
      trouble: (words: string) => this.#troubles.take(tenant, program, words),
    });
    const layout = this.#layout(tenant);
    const address = this.#options.agentAddress();
    // An agent that was told something else by a coordinator that is gone is replaced. The launcher is not: OpenClaw would end with it.
    const { witnessId, retention } = this.#options;
    const told = [address, witnessId, this.#bucket(tenant, layout), retention ?? ''];
    const startedWith = { file: layout.agentStartedWith, value: told.join(' ') };
    return new TenantPrograms({
      tenant,
      agent: new Program({ ...this.#spec(layout, 'agent', { tenant, port, address }), startedWith }, tools('agent')),
      launcher: new Program(this.#spec(layout, 'launcher', { tenant, port, address }), tools('launcher')),
      gatewayLock: layout.gatewayLock,
      clock,
    });
  }

  #spec(
    layout: TenantLayout,
    program: 'agent' | 'launcher',
    { tenant, port, address }: { readonly tenant: string; readonly port: number; readonly address: string },
  ): ProgramSpec {
    const { home, commands, environment, logLevel, retention } = this.#options;
    const forAgent = {
      OPENCRANE_RUNTIMES: join(home, 'runtimes'),
      OPENCRANE_COORDINATOR: address,
      OPENCRANE_TOKEN_FILE: layout.agentToken,
      OPENCRANE_BUCKET: this.#bucket(tenant, layout),
      OPENCRANE_KEY_FILE: layout.key,
      ...(retention !== undefined && { OPENCRANE_RETENTION: retention }),
      OPENCRANE_WITNESS: this.#options.witnessId,
      OPENCRANE_GATEWAY_PORT: String(port),
      ...leanEnvironment,
    };
    return {
      name: program,
      command: commands[program],
      environment: {
        ...handedDown(program, environment),
        OPENCRANE_TENANT: tenant,
        OPENCRANE_DATA: layout.data,
        OPENCRANE_LOG_LEVEL: logLevel,
        // Our programs are TypeScript: with the cache a start does not strip types again, which saves time and 30 MB.
        NODE_COMPILE_CACHE: join(home, 'compile-cache'),
        ...(program === 'agent' ? forAgent : {}),
      },
      folder: layout.data,
      log: layout.log(program),
      marks: layout[program],
      stopMillis: STOP_MILLIS[program],
    };
  }

  #bucket(tenant: string, layout: TenantLayout): string {
    return this.#options.buckets?.replaceAll('{tenant}', tenant) ?? layout.bucket;
  }

  #layout(tenant: string): TenantLayout {
    return tenantLayout(this.#options.home, tenant);
  }

  /** What is no tenant's folder, or a tenant's damaged file, keeps no other tenant from its port. */
  async #takenPorts(): Promise<ReadonlySet<number>> {
    const entries = await readdir(join(this.#options.home, 'tenants'), { withFileTypes: true });
    const names = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
    const ports = await Promise.all(names.map((name) => this.#takenPort(name)));
    return new Set(ports.filter((port) => port !== undefined));
  }

  async #takenPort(tenant: string): Promise<number | undefined> {
    try {
      return await readGatewayPort(this.#layout(tenant).platform);
    } catch (cause) {
      const why = messageOf(cause);
      this.#options.log.warn({ tenant, why }, 'which port a tenant has is not known; only whether somebody listens is');
      return undefined;
    }
  }
}

function gatewayToken({ gatewayToken }: TenantLayout): Promise<string> {
  return readOrCreateSecret(gatewayToken, () => randomBytes(24).toString('base64url'));
}

/** Made once and never replaced: whoever loses it has lost what is in the bucket. */
function tenantKey({ key }: TenantLayout): Promise<string> {
  return readOrCreateSecret(key, () => randomBytes(32).toString('hex'));
}

function notSetUp(tenant: string): OpenCraneError {
  const what = `signing in to ${tenant}: it is not set up yet`;
  return new OpenCraneError('failed_precondition', 'tenant_not_set_up', what, {
    mend: `wait until \`opencrane tenant show ${tenant}\` says ready`,
  });
}
