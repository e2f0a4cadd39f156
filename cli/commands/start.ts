/** `opencrane start`: a coordinator, a first tenant, and what becomes of them until Ctrl-C. */
import { exitCodes, OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import { type Context, command } from '../command.ts';
import { callError } from '../connection/call-error.ts';
import { type Clients, clientsOf } from '../connection/clients.ts';
import { homeToStart, readAdminToken, readEndpoints } from '../connection/home.ts';
import { BootStory } from '../start/boot-story.ts';
import { CoordinatorChild, type Exit } from '../start/coordinator-child.ts';
import { followTenants } from '../tenants/follow-tenants.ts';

/** The tenant that a coordinator without any begins with. */
const FIRST_TENANT = 'jente';

/** Between a broken connection and the news that the coordinator is gone. */
const GRACE_MILLIS = 500;

const port = z.coerce.number().int().min(0).max(65_535);

/** The command. */
export const start = command({
  noun: '',
  verb: 'start',
  summary: 'start a coordinator here, and a first tenant when there is none; Ctrl-C drains and stops everything',
  arguments: [],
  options: [
    { flags: '--admin-port <port>', summary: 'port for people and tools; 0 for any (default: 8720)' },
    { flags: '--agent-port <port>', summary: 'port for agents; 0 for any (default: 8721)' },
    { flags: '--no-tenant', summary: `do not create the tenant "${FIRST_TENANT}" when there is none` },
  ],
  examples: [
    { command: 'opencrane start', shows: 'starts in ./.opencrane and shows how far the first tenant is' },
    {
      command: 'opencrane start --home /srv/opencrane --admin-port 0 --agent-port 0',
      shows: 'a second coordinator on the same machine, with a folder and ports of its own',
    },
  ],
  input: z.object({ adminPort: port.default(8720), agentPort: port.default(8721), tenant: z.boolean().default(true) }),
  async run(context, { adminPort, agentPort, tenant }) {
    const { environment, folder, output } = context;
    const home = homeToStart(environment, folder);
    await refuseSecond(home);
    const began = context.clock.monotonic();
    const child = new CoordinatorChild({ home, adminPort, agentPort, environment });
    output.line(`Starting the coordinator in ${home}`);
    const stopped = stopOnInterrupt(context, child);
    try {
      await serve(context, child, { began, tenant });
    } catch (thrown) {
      if (!context.interrupts.signal.aborted) return await failed(context, child, thrown);
    }
    return await stopped;
  },
});

/** Shows the coordinator's tenants until the interrupt; throws when the coordinator ends before that. */
async function serve(context: Context, child: CoordinatorChild, options: { began: number; tenant: boolean }) {
  const { clock, interrupts, output } = context;
  const { adminUrl, agentAddress } = await child.listening(clock, interrupts.signal);
  output.jsonLine({ coordinator: { home: child.home, pid: child.pid, adminUrl, agentAddress } });
  const clients = clientsOf(adminUrl, (await readAdminToken(child.home)) ?? '');
  if (options.tenant) await createFirstTenant(clients);
  const story = new BootStory(clients, output, clock, options.began);
  try {
    const ended = child.exited.then(async (exit) => {
      throw await child.didNotStart(exit);
    });
    await Promise.race([followTenants(clients, '', story, interrupts.signal), ended]);
  } finally {
    story.close();
  }
}

async function createFirstTenant(clients: Clients): Promise<void> {
  const { tenants } = await clients.tenants.listTenants({ pageSize: 1 });
  if (tenants.length === 0) await clients.tenants.createTenant({ name: FIRST_TENANT, displayName: 'Jente' });
}

/** Passes an interrupt on as SIGTERM, and a second one too; resolves with the exit code when the coordinator is gone. */
async function stopOnInterrupt({ interrupts, output }: Context, child: CoordinatorChild): Promise<number> {
  if (!interrupts.signal.aborted) {
    await new Promise((resolve) => interrupts.signal.addEventListener('abort', resolve, { once: true }));
  }
  interrupts.onAgain(() => {
    output.line('stopping without waiting any longer…');
    child.stop();
  });
  output.line('finishing running turns and stopping… (Ctrl-C again to hurry)');
  child.stop();
  const exit = await child.exited;
  if (exit.code === 0) {
    output.line('stopped; nothing runs any more');
    return exitCodes.ok;
  }
  output.note(`the coordinator did not stop cleanly: ${describe(exit)}; its log is ${child.log}`);
  return exitCodes.failed;
}

/** The start did not work out by itself. A coordinator that still lives is stopped: nothing stays behind. */
async function failed({ output, clock }: Context, child: CoordinatorChild, thrown: unknown): Promise<never> {
  const error = callError(thrown);
  if (error.reason === 'coordinator_ended') throw error;
  // A connection breaks a moment before the end of the process is told.
  const over = await Promise.race([child.exited, clock.sleep(GRACE_MILLIS)]);
  if (over) throw await child.didNotStart(over);
  output.line('stopping the coordinator…');
  child.stop();
  await child.exited;
  throw error;
}

async function refuseSecond(home: string): Promise<void> {
  const running = await readEndpoints(home);
  if (running === undefined) return;
  const { pid, adminUrl } = running;
  throw new OpenCraneError(
    'already_exists',
    'coordinator_running',
    `a coordinator already runs in ${home}: process ${pid}, ${adminUrl}`,
    {
      mend: `use it ("opencrane status --home ${home}"), or stop it first: Ctrl-C where it was started, or kill ${pid}`,
    },
  );
}

function describe({ code, signal }: Exit): string {
  return signal ? `ended by ${signal}` : `exit code ${code}`;
}
