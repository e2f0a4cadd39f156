/** The port of a tenant's gateway: chosen once, then the tenant's for good. */
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
  return text === undefined ? undefined : schema.parse(JSON.parse(text)).gatewayPort;
}

/**
 * Chooses a port that nobody listens on and that is not in `taken`, and writes it down. The search begins at a random
 * place: another coordinator on this machine may have chosen ports that nobody listens on at the moment.
 */
export async function chooseGatewayPort(
  file: string,
  taken: ReadonlySet<number>,
  random: () => number,
): Promise<number> {
  const places = (LAST_PORT - FIRST_PORT) / DISTANCE + 1;
  const begin = Math.floor(random() * places);
  for (let step = 0; step < places; step += 1) {
    const port = FIRST_PORT + ((begin + step) % places) * DISTANCE;
    if (taken.has(port) || !(await isFree(port))) continue;
    await writeFileAtomically(file, JSON.stringify({ gatewayPort: port }));
    return port;
  }
  throw new OpenCraneError(
    'resource_exhausted',
    'no_free_port',
    `choosing a port: none is free from ${FIRST_PORT} to ${LAST_PORT}`,
    {
      mend: 'delete tenants that are not needed, or stop what listens there',
    },
  );
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
