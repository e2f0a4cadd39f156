/** Which OpenClaw this stands in for: what differs between versions, written into the runtime when it is made. */
import { readFileSync } from 'node:fs';

/** A build, as its package.json tells it. */
export type Build = {
  readonly version: string;
  /** Schema of `state/openclaw.sqlite` that it reads and writes. */
  readonly stateSchema: number;
  /** Schema of an agent's database. */
  readonly agentSchema: number;
};

/** The build that runs: the package.json of the runtime's package, one folder up. */
export function readBuild(): Build {
  const { version, standIn } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return { version, ...standIn };
}
