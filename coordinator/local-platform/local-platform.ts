/** In the operator's place on one machine: an agent and a launcher per tenant as processes under the home folder. */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { AGENT_TOKEN_MILLIS, type AgentTokens } from '../identity/agent-tokens.ts';
import { readOrCreateSecret } from '../identity/secret-file.ts';
import type { Access, LogProgram, Platform, Retention } from '../tenants/ports.ts';
import { chooseGatewayPort, readGatewayPort } from './gateway-port.ts';
import { makeFolders, type TenantLayout, tenantLayout } from './layout.ts';
import { readLog } from './log-reader.ts';
import { Program, type ProgramSpec } from './program.ts';

/** What the platform needs. */
export type LocalPlatformOptions = {
  readonly home: string;
  /** `host:port` for agents; known once the agent plane listens. */
  readonly agentAddress: () => string;
  readonly tokens: AgentTokens;
  /** The command lines of the two programs, without arguments of their own. */
  readonly commands: { readonly agent: ProgramSpec['command']; readonly launcher: ProgramSpec['command'] };
  /** The coordinator's own environment; what tenants need of it is handed down. */
  readonly environment: NodeJS.ProcessEnv;
  readonly logLevel: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
};

/** For OpenClaw to finish its turns (315 s) and leave (15 s), and some for the launcher. */
const LAUNCHER_STOP_MILLIS = 345_000;
const AGENT_STOP_MILLIS = 10_000;

/** Variables of ours that are not for tenants: keys to the coordinator, and what npm sets for its scripts. */
const withheld = /^(OPENCRANE_(TOKEN|SERVER|HOME)$|npm_|NODE_OPTIONS$)/;

type RunningTenant = { readonly agent: Program; readonly launcher: Program };

/** The platform. It stops everything when the coordinator stops, and leaves everything running when the coordinator crashes. */
export class LocalPlatform implements Platform, Part {
  readonly name = 'local platform';
  readonly #options: LocalPlatformOptions;
  readonly #tenants = new Map<string, Promise<RunningTenant>>();
  readonly #abort = new AbortController();
  #refreshing: Promise<void> | undefined;

  constructor(options: LocalPlatformOptions) {
    this.#options = options;
  }

  start(): void {
    this.#refreshing = this.#refreshTokens();
  }

  async stop(hurry: AbortSignal): Promise<void> {
    this.#abort.abort('the coordinator stops');
    await this.#refreshing;
    const running = await Promise.all(this.#tenants.values());
    await Promise.all(running.map((tenant) => stopTenant(tenant, hurry)));
    this.#tenants.clear();
  }

  async ensure(tenant: string): Promise<void> {
    let running = this.#tenants.get(tenant);
    if (running === undefined) {
      running = this.#begin(tenant);
      this.#tenants.set(tenant, running);
      running.catch(() => this.#tenants.delete(tenant)); // the next call tries again
    }
    await running;
  }

  async remove(tenant: string, retention: Retention): Promise<{ readonly retainedAt: string }> {
    const running = await this.#tenants.get(tenant);
    this.#tenants.delete(tenant);
    if (running !== undefined) await stopTenant(running, AbortSignal.timeout(LAUNCHER_STOP_MILLIS));
    const { data } = this.#layout(tenant);
    if (!existsSync(data)) return { retainedAt: '' };
    if (retention === 'delete') {
      await rm(data, { recursive: true, force: true });
      return { retainedAt: '' };
    }
    const retainedAt = join(this.#options.home, 'retained', `${tenant}-${this.#options.clock.now()}`);
    await mkdir(dirname(retainedAt), { recursive: true, mode: 0o700 });
    await rename(data, retainedAt);
    return { retainedAt };
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
    if (port === undefined) {
      throw new OpenCraneError(
        'failed_precondition',
        'tenant_not_set_up',
        `signing in to ${tenant}: it is not set up yet`,
        {
          mend: `wait until \`opencrane tenant show ${tenant}\` says ready`,
        },
      );
    }
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

  async #begin(tenant: string): Promise<RunningTenant> {
    const layout = this.#layout(tenant);
    await makeFolders(layout);
    await gatewayToken(layout);
    const port =
      (await readGatewayPort(layout.platform)) ??
      (await chooseGatewayPort(layout.platform, await this.#takenPorts(), this.#options.random));
    await this.#writeToken(tenant);
    const tools = {
      clock: this.#options.clock,
      random: this.#options.random,
      log: this.#options.log.child({ tenant }),
    };
    const running = {
      launcher: new Program(this.#spec(tenant, 'launcher', port), tools),
      agent: new Program(this.#spec(tenant, 'agent', port), tools),
    };
    await Promise.all([running.launcher.keep(), running.agent.keep()]);
    return running;
  }

  #spec(tenant: string, program: 'agent' | 'launcher', port: number): ProgramSpec {
    const { home, agentAddress, commands, environment, logLevel } = this.#options;
    const layout = this.#layout(tenant);
    const handedDown = Object.entries(environment).filter(([name]) => !withheld.test(name));
    return {
      name: program,
      command: commands[program],
      environment: {
        ...Object.fromEntries(handedDown.map(([name, value]) => [name, value ?? ''])),
        OPENCRANE_TENANT: tenant,
        OPENCRANE_DATA: layout.data,
        OPENCRANE_RUNTIMES: join(home, 'runtimes'),
        OPENCRANE_COORDINATOR: agentAddress(),
        OPENCRANE_TOKEN_FILE: layout.agentToken,
        OPENCRANE_GATEWAY_PORT: String(port),
        OPENCRANE_LOG_LEVEL: logLevel,
        // Our programs are TypeScript: with the cache a start does not strip types again, which saves time and 30 MB.
        NODE_COMPILE_CACHE: join(home, 'compile-cache'),
      },
      folder: layout.data,
      log: layout.log(program),
      lock: layout[program].lock,
      pid: layout[program].pid,
    };
  }

  #layout(tenant: string): TenantLayout {
    return tenantLayout(this.#options.home, tenant);
  }

  async #takenPorts(): Promise<ReadonlySet<number>> {
    const names = await readdir(join(this.#options.home, 'tenants'));
    const ports = await Promise.all(names.map((name) => readGatewayPort(this.#layout(name).platform)));
    return new Set(ports.filter((port) => port !== undefined));
  }

  async #writeToken(tenant: string): Promise<void> {
    await writeFileAtomically(this.#layout(tenant).agentToken, await this.#options.tokens.issue(tenant, randomUUID()));
  }

  async #refreshTokens(): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#abort.signal.aborted) {
      await clock.sleep(AGENT_TOKEN_MILLIS / 2, this.#abort.signal).catch(() => {});
      if (this.#abort.signal.aborted) return;
      for (const tenant of this.#tenants.keys()) {
        await this.#writeToken(tenant).catch((cause) =>
          log.error({ err: cause, tenant }, 'writing the agent’s token failed'),
        );
      }
    }
  }
}

/** The agent goes first: it would start again what the launcher stops. */
async function stopTenant({ agent, launcher }: RunningTenant, hurry: AbortSignal): Promise<void> {
  await agent.stop(AGENT_STOP_MILLIS, hurry);
  await launcher.stop(LAUNCHER_STOP_MILLIS, hurry);
}

function gatewayToken({ gatewayToken }: TenantLayout): Promise<string> {
  return readOrCreateSecret(gatewayToken, () => randomBytes(24).toString('base64url'));
}
