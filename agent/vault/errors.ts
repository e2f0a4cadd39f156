/**
 * What can be wrong with a vault. Each error names the object and says how to mend it, and nothing is ever overwritten
 * because of one.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ObjectName } from '../bucket/bucket.ts';
import { objectAt } from '../bucket/layout.ts';

const HEAD = objectAt({ kind: 'head' });

/** The key is sound, but this vault has no slot for it. `present` are the ids of the keys that it has slots for. */
export function wrongKey(keyId: string, present: readonly string[]): OpenCraneError {
  return new OpenCraneError(
    'permission_denied',
    'wrong_key',
    `the tenant key ${keyId} does not open this vault: it has slots for ${present.join(', ')}`,
    { field: 'vault/keys/', mend: 'use the key file that this vault was made with, or the one it was rotated to' },
  );
}

function bringBack(name: string): string {
  const copy = 'bring it back from a copy of the bucket (an older generation of the object, if the bucket keeps them)';
  return name === HEAD ? `${copy}, or have "opencrane vault recover" make a good snapshot the newest` : copy;
}

/** An object that others need is not there. */
export function objectMissing(name: ObjectName | string, what: string): OpenCraneError {
  return new OpenCraneError('data_loss', 'object_missing', `${name} is missing: ${what}`, {
    field: name,
    mend: bringBack(name),
  });
}

/** An object ends early. */
export function objectShort(name: ObjectName, bytes: number, wanted: number): OpenCraneError {
  return new OpenCraneError('data_loss', 'object_short', `${name} ends after ${bytes} of ${wanted} bytes`, {
    field: name,
    mend: bringBack(name),
  });
}

/** The bytes are not those that were written under this name. */
export function objectDamaged(name: ObjectName, what: string, cause?: unknown): OpenCraneError {
  return new OpenCraneError('data_loss', 'object_damaged', `${name} is damaged: ${what}`, {
    field: name,
    mend: bringBack(name),
    cause,
  });
}

/** The object says that it was written for another vault. */
export function objectOfAnotherVault(name: ObjectName, theirs: string, ours: string): OpenCraneError {
  return new OpenCraneError(
    'data_loss',
    'object_of_another_vault',
    `${name} belongs to vault ${theirs}; this is vault ${ours}`,
    { field: name, mend: 'somebody copied it here from another tenant: put the right object back' },
  );
}

/** The object is sealed with a data key that the slot does not hold. */
export function dataKeyUnknown(name: ObjectName, generation: number): OpenCraneError {
  return new OpenCraneError(
    'permission_denied',
    'data_key_unknown',
    `${name} is sealed with data key ${generation}, which the slot of this tenant key does not hold`,
    { field: name, mend: 'the vault was rotated to another tenant key: use that one' },
  );
}

/** Written by an OpenCrane that is newer than this one. */
export function vaultNewerFormat(name: ObjectName, format: number | string): OpenCraneError {
  return new OpenCraneError('unimplemented', 'vault_newer_format', `${name} is of format ${format}, which is newer`, {
    field: name,
    mend: 'use the version of OpenCrane that wrote it, or a later one',
  });
}

/** The head names an older snapshot than one that was the newest before. */
export function headReplayed(name: ObjectName, headSequence: number, newest: ObjectName | string): OpenCraneError {
  return new OpenCraneError(
    'failed_precondition',
    'head_replayed',
    `${name} names snapshot ${headSequence}, but ${newest} was written after a newer one: an old head was put back`,
    {
      field: name,
      mend: 'put the newest generation of the head back, or have "opencrane vault recover" make a good snapshot the newest',
    },
  );
}

/** Another agent holds the lease and has taken the head under its epoch. */
export function headTaken(name: ObjectName, theirs: number, ours: number): OpenCraneError {
  return new OpenCraneError(
    'aborted',
    'head_taken',
    `${name} carries epoch ${theirs}; this agent has epoch ${ours} and may not move it any more`,
    { field: name, mend: 'stop OpenClaw here: another agent serves this tenant' },
  );
}
