/** Commands about the state: preflight, the hand-over of a restart, doctor. */
import type { Build } from '../build.ts';
import type { Place } from '../place.ts';
import { StateDatabase, schemaOfDatabase } from '../state/state-database.ts';
import { type Answer, asJson } from './answers.ts';

const protocol = { ok: true, protocol: 'openclaw.gateway.restart-handoff', protocolVersion: 1 };

/** Whether this build could open a copy of a state's database. */
export function preflightDatabase(file: string, { stateSchema }: Build): Answer {
  const foundVersion = schemaOfDatabase(file);
  const [status, code] =
    foundVersion === stateSchema
      ? ['exact', 0]
      : foundVersion < stateSchema
        ? ['migration-required', 0]
        : ['incompatible', 1];
  return asJson(
    {
      schema: 'openclaw.state-schema-preflight.v1',
      databasePath: file,
      targetVersion: stateSchema,
      foundVersion,
      ownership: null,
      issues: [],
      status,
      requiresWrite: status === 'migration-required',
    },
    Number(code),
  );
}

/** What can be asked of a hand-over. */
export function handOffCapabilities(): Answer {
  return asJson({ ...protocol, operations: ['consume'] });
}

/** Whether the process that ended wants another in its place; asking takes the wish away. */
export function consumeHandOff({ state }: Place, build: Build, pid: number): Answer {
  const database = StateDatabase.open(state, build);
  const taken = database.takeHandOver(pid);
  database.close();
  if (taken === undefined) return asJson({ ...protocol, status: 'none', reason: 'missing' });
  if (taken === 'other-process') return asJson({ ...protocol, status: 'none', reason: 'pid-mismatch' });
  if (taken === 'expired') return asJson({ ...protocol, status: 'expired' });
  return asJson({ ...protocol, status: 'accepted', handoff: { pid, reason: taken.reason } });
}
