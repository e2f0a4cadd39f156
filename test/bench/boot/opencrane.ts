/** `opencrane start`, measured from its first instruction to a tenant that was seen ready. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientsOf } from '@opencrane/cli/connection/clients.ts';
import { allDone, hear, type Step } from '@opencrane/cli/progress/steps.ts';
import { followTenants } from '@opencrane/cli/tenants/follow-tenants.ts';
import { isReady } from '@opencrane/cli/tenants/readiness.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';

const cli = join(import.meta.dirname, '../../../cli/main.ts');

/** A start that ended well, and still runs. */
export type Started = {
  readonly readyMillis: number;
  /** What it spent the time on. */
  readonly steps: readonly Step[];
  readonly coordinatorPid: number;
  readonly gatewayPid: number;
  /** As Ctrl-C does. */
  readonly stop: () => Promise<void>;
};

/** Starts it in a home folder. */
export async function startOpenCrane(home: string, environment: NodeJS.ProcessEnv): Promise<Started> {
  const began = performance.now();
  const child = spawn(process.execPath, [cli, 'start', '--home', home, '--admin-port', '0', '--agent-port', '0'], {
    stdio: 'ignore',
    env: environment,
  });
  const ended = once(child, 'exit');
  const { adminUrl, pid: coordinatorPid } = await awaitFact('the coordinator listens', () => endpoints(home), {
    everyMillis: 10,
  });
  const clients = clientsOf(adminUrl, readFileSync(join(home, 'admin-token'), 'utf8').trim());
  const ready = new AbortController();
  let steps: readonly Step[] = [];
  let gatewayPid = 0;
  await followTenants(
    clients,
    '',
    {
      progress: (_, heard) => {
        steps = hear(steps, heard);
      },
      changed(tenant) {
        if (!isReady(tenant)) return;
        gatewayPid = Number(tenant.status?.gatewayPid);
        ready.abort('ready');
      },
      deleted() {},
    },
    ready.signal,
  );
  return {
    readyMillis: performance.now() - began,
    steps: allDone(steps, 0),
    coordinatorPid,
    gatewayPid,
    async stop() {
      child.kill('SIGINT');
      await ended;
      if (child.exitCode !== 0) throw new Error(`opencrane start ended with ${child.exitCode}`);
    },
  };
}

/** Written when it listens, and taken away when it stops. */
function endpoints(home: string): { adminUrl: string; pid: number } | undefined {
  const file = join(home, 'endpoints.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
