/** Tells programs on this machine where the coordinator of a home folder listens. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import { writeSmallFile } from '@opencrane/kit/small-file.ts';

/** Where it listens; asked once everything does. */
export type Endpoints = { readonly adminUrl: string; readonly agentAddress: string };

/** Writes `endpoints.json` at its start, which is when the coordinator is ready, and removes it at its stop. */
export function endpointsFile(home: string, endpoints: () => Endpoints): Part {
  const path = join(home, 'endpoints.json');
  return {
    name: 'endpoints file',
    start: () => writeSmallFile(path, JSON.stringify({ ...endpoints(), pid: process.pid })),
    stop: () => rm(path, { force: true }),
  };
}
