/** Where a coordinator on this machine keeps its files, and how one that runs is found. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readFileIfExists } from '@opencrane/kit/atomic-file.ts';
import { processExists } from '@opencrane/kit/lifecycle.ts';
import { z } from 'zod';

const FOLDER = '.opencrane';

const endpointsSchema = z.object({ adminUrl: z.string(), agentAddress: z.string(), pid: z.number().int().positive() });

/** What a coordinator writes down when it listens. */
export type Endpoints = Readonly<z.output<typeof endpointsSchema>>;

type Environment = Readonly<Record<string, string | undefined>>;

/** The home of a coordinator to start: OPENCRANE_HOME, else `.opencrane` in this folder. */
export function homeToStart(environment: Environment, folder: string): string {
  return resolve(folder, environment['OPENCRANE_HOME'] || FOLDER);
}

/** The home of a coordinator to talk to: OPENCRANE_HOME, else the nearest `.opencrane` from this folder upward. */
export function findHome(environment: Environment, folder: string): string | undefined {
  if (environment['OPENCRANE_HOME']) return resolve(folder, environment['OPENCRANE_HOME']);
  for (let at = resolve(folder); ; at = dirname(at)) {
    const candidate = join(at, FOLDER);
    if (existsSync(candidate)) return candidate;
    if (at === dirname(at)) return undefined;
  }
}

/** Where the coordinator of a home listens; undefined when none that lives has written it down. */
export async function readEndpoints(home: string): Promise<Endpoints | undefined> {
  const text = await readFileIfExists(join(home, 'endpoints.json'));
  if (text === undefined) return undefined;
  const parsed = endpointsSchema.safeParse(jsonOf(text));
  return parsed.success && processExists(parsed.data.pid) ? parsed.data : undefined;
}

/** The token that opens a home's admin plane; undefined before its first start. */
export async function readAdminToken(home: string): Promise<string | undefined> {
  return (await readFileIfExists(join(home, 'admin-token')))?.trim();
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not ours, or not written yet: the same as absent
  }
}
