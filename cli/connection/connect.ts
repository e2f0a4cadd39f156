/** Finds the coordinator that a command is meant for. */
import { join } from 'node:path';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type Clients, clientsOf } from './clients.ts';
import { findHome, readAdminToken, readEndpoints } from './home.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** OPENCRANE_SERVER with OPENCRANE_TOKEN, else the coordinator that runs in the home folder. */
export async function connect(environment: Environment, folder: string): Promise<Clients> {
  const server = environment['OPENCRANE_SERVER'];
  return server ? connectToServer(server, environment['OPENCRANE_TOKEN']) : connectToHome(environment, folder);
}

function connectToServer(server: string, token: string | undefined): Clients {
  if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol)) {
    throw new OpenCraneError('invalid_argument', 'server_invalid', `OPENCRANE_SERVER is not a URL: ${server}`, {
      field: 'OPENCRANE_SERVER',
      mend: 'write it as http://HOST:PORT or https://HOST',
    });
  }
  if (token) return clientsOf(server.replace(/\/+$/, ''), token);
  throw new OpenCraneError('unauthenticated', 'token_missing', `there is no token for ${server}`, {
    field: 'OPENCRANE_TOKEN',
    mend: "set OPENCRANE_TOKEN to the content of the coordinator's admin-token file",
  });
}

async function connectToHome(environment: Environment, folder: string): Promise<Clients> {
  const home = findHome(environment, folder);
  if (home === undefined) throw nothingRuns('there is no .opencrane folder here or above');
  const endpoints = await readEndpoints(home);
  if (endpoints === undefined) throw nothingRuns(`no coordinator runs in ${home}`);
  const token = await readAdminToken(home);
  if (token) return clientsOf(endpoints.adminUrl, token);
  const file = join(home, 'admin-token');
  throw new OpenCraneError('unauthenticated', 'token_missing', `the admin token is missing: ${file}`, {
    field: file,
    mend: 'restart the coordinator: it makes a new one',
  });
}

function nothingRuns(what: string): OpenCraneError {
  return new OpenCraneError('unavailable', 'coordinator_not_running', `looking for a coordinator: ${what}`, {
    mend: 'start one with "opencrane start", or point OPENCRANE_HOME at its folder, or OPENCRANE_SERVER at its URL',
  });
}
