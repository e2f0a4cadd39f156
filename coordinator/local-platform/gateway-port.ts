/** The ports of the tenants' gateways: each is chosen once, then the tenant's for good. */
import { createServer } from 'node:net';
import { readFileIfExists, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';

/** Above OpenClaw's own default port, which a person's own OpenClaw may have. */
const FIRST_PORT = 18_800;
const LAST_PORT = 22_790;
/** OpenClaw opens helpers on ports just above its own, so tenants keep a distance. */
const DISTANCE = 10;

const schema = z.object({ gatewayPort: z.number().int().min(1).max(65_535) });

/** The port that was chosen for a tenant, or undefined when none was yet. */
export async function readGatewayPort(file: string): Promise<number | undefined> {
  const text = await readFileIfExists(file);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text)).gatewayPort;
  } catch (cause) {
    throw new OpenCraneError('data_loss', 'platform_file_damaged', `reading ${file}: it names no port`, {
      cause,
      field: file,
      mend: 'write {"gatewayPort": NUMBER} into it with the port that the tenant had',
    });
  }
}

/** Chooses ports, one tenant after the other, so that two never get the same. */
export class GatewayPorts {
  readonly #taken: () => Promise<ReadonlySet<number>>;
  readonly #random: () => number;
  #last: Promise<unknown> = Promise.resolve();

  /** `taken` tells which ports tenants have already, running or not. */
  constructor(taken: () => Promise<ReadonlySet<number>>, random: () => number) {
    this.#taken = taken;
    this.#random = random;
  }

  /** The port that a tenant's file names; chosen and written down when there is no such file. */
  assign(file: string): Promise<number> {
    const port = this.#last.then(async () => (await readGatewayPort(file)) ?? this.#choose(file));
    this.#last = port.catch(() => {}); // its caller has the error; the next in line goes on
    return port;
  }

  /**
   * A port that nobody listens on. The search begins at a random place: another coordinator on this machine may have
   * chosen ports that nobody listens on at the moment.
   */
  async #choose(file: string): Promise<number> {
    const taken = await this.#taken();
    const places = (LAST_PORT - FIRST_PORT) / DISTANCE + 1;
    const begin = Math.floor(this.#random() * places);
    for (let step = 0; step < places; step += 1) {
      const port = FIRST_PORT + ((begin + step) % places) * DISTANCE;
      if (taken.has(port) || !(await isFree(port))) continue;
      await writeFileAtomically(file, JSON.stringify({ gatewayPort: port }));
      return port;
    }
    const what = `choosing a port: none is free from ${FIRST_PORT} to ${LAST_PORT}`;
    throw new OpenCraneError('resource_exhausted', 'no_free_port', what, {
      mend: 'delete tenants that are not needed, or stop what listens there',
    });
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
