/** What must be so before a gateway serves, and the words and the exit code when it is not. */
import { existsSync } from 'node:fs';
import type { Build } from '../build.ts';
import { readConfig, type Snapshot } from '../config/config-file.ts';
import { at } from '../json.ts';
import type { Place } from '../place.ts';
import { NewerSchemaError, StateDatabase } from '../state/state-database.ts';
import { lockState, StateHeldError, type StateLock } from '../state/state-lock.ts';
import { wordsOf } from './live-config.ts';

/** EX_CONFIG: what an operator must mend. */
const CONFIGURATION = 78;

/** Thrown when the gateway cannot start. */
export class StartError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** What a gateway has once nothing keeps it from serving. */
export type Prepared = { readonly config: Snapshot; readonly lock: StateLock; readonly database: StateDatabase };

/** Looks at everything and takes the state; throws StartError. */
export function prepare(place: Place, build: Build): Prepared {
  const config = readConfig(place);
  assertNotOlder(config, build);
  const lock = orStartError(() => lockState(place.state));
  const database = orStartError(() => StateDatabase.open(place.state, build));
  assertServes(config, place);
  return { config, lock, database };
}

function orStartError<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const isKnown = cause instanceof StateHeldError || cause instanceof NewerSchemaError;
    const words = cause instanceof Error ? cause.message : String(cause);
    // The real one takes a database that it cannot write to for one that is damaged.
    if (/database or disk is full|ENOSPC/.test(words)) {
      throw new StartError(
        CONFIGURATION,
        `Gateway failed to start: Doctor cannot repair this state: shared state database is unreadable: ${words}`,
      );
    }
    throw new StartError(isKnown ? CONFIGURATION : 1, words);
  }
}

/** A configuration that a later OpenClaw has written is not touched. */
function assertNotOlder({ parsed }: Snapshot, { version }: Build): void {
  const written = at(parsed, 'meta', 'lastTouchedVersion');
  if (typeof written !== 'string' || compareVersions(written, version) <= 0) return;
  throw new StartError(
    1,
    `Your OpenClaw config was written by version ${written}, but this command is running ${version}.\n` +
      `Refusing to run automatic gateway startup migrations because this OpenClaw binary (${version}) is older than the config last written by OpenClaw ${written}.`,
  );
}

function assertServes({ raw, parsed, issues, isValid, resolved }: Snapshot, place: Place): void {
  if (raw === undefined) {
    throw new StartError(CONFIGURATION, 'Missing config. Run `openclaw setup` or set gateway.mode=local.');
  }
  if (at(parsed, 'gateway', 'mode') === undefined) {
    throw new StartError(
      CONFIGURATION,
      'Gateway start blocked: existing config is missing gateway.mode. Treat this as suspicious or clobbered config.',
    );
  }
  if (!isValid) {
    const words = wordsOf(issues).replaceAll('; ', '\n');
    throw new StartError(
      CONFIGURATION,
      `Gateway failed to start: Invalid config at ${place.config}:\n${words}\nRun "openclaw doctor --fix" to repair, then retry.`,
    );
  }
  const gateway = resolved['gateway'];
  if (at(gateway, 'mode') !== 'local') {
    throw new StartError(CONFIGURATION, 'Gateway start blocked: set gateway.mode=local.');
  }
  if (at(gateway, 'bind') !== 'loopback' && at(gateway, 'auth', 'mode') === 'none') {
    throw new StartError(CONFIGURATION, 'Refusing to bind gateway to lan without auth.');
  }
  if (at(gateway, 'tls', 'enabled') === true && !isThere(at(gateway, 'tls', 'certPath'))) {
    throw new StartError(1, 'Gateway failed to start: Error: gateway tls: cert/key missing');
  }
}

function isThere(path: unknown): boolean {
  return typeof path === 'string' && existsSync(path);
}

/** Numbers of versions, left to right. */
function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((version) => version.split(/[.-]/).map(Number));
  const at = (a ?? []).findIndex((part, index) => part !== b?.[index]);
  return at === -1 ? 0 : (a?.[at] ?? 0) - (b?.[at] ?? 0);
}
