/**
 * What the platform asks about a tenant's bucket, answered by the agent's own program for work without an agent
 * (agent/vault/offline/main.ts). It gets paths and addresses, never a key, and of the coordinator's environment what it needs.
 */
import { execFile } from 'node:child_process';
import { errorCodeNamed, isAbort, messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';

/** How it is run. */
export type BucketProgramOptions = {
  readonly command: readonly [file: string, ...args: string[]];
  readonly environment: Readonly<Record<string, string>>;
};

/** A bucket and the file with the tenant's key. */
export type TenantBucket = { readonly bucket: string; readonly keyFile: string };

const looked = z.object({
  look: z.object({ vault: z.enum(['none', 'ours', 'other']), keys: z.array(z.string()) }),
});
const removed = z.object({ removed: z.object({ left: z.boolean() }) });
const refused = z.object({
  error: z.object({
    code: z.string(),
    reason: z.string(),
    message: z.string(),
    field: z.string(),
    mend: z.string(),
  }),
});

/** Whose vault is in a bucket. */
export type VaultThere = z.output<typeof looked>['look'];

/** Longer than a bucket that answers takes, and no longer than somebody waits who wants a tenant. */
const LOOK_MILLIS = 60_000;

/** The program. */
export class BucketProgram {
  readonly #options: BucketProgramOptions;

  constructor(options: BucketProgramOptions) {
    this.#options = options;
  }

  /** Looks whose vault is there; the key file may be none yet. */
  async look(where: TenantBucket): Promise<VaultThere> {
    const signal = AbortSignal.timeout(LOOK_MILLIS);
    return looked.parse(await this.#run(where, ['--look'], `looking at ${where.bucket}`, signal)).look;
  }

  /**
   * Removes everything in the bucket, whose tenant's programs have ended on the disk that `diskFile` says. `left`: there is
   * something that no agent of the tenant can have written, for none was ever there.
   */
  async remove(where: TenantBucket, diskFile: string, signal: AbortSignal): Promise<{ readonly left: boolean }> {
    const words = ['--remove', '--disk', diskFile];
    return removed.parse(await this.#run(where, words, `removing everything in ${where.bucket}`, signal)).removed;
  }

  async #run(
    { bucket, keyFile }: TenantBucket,
    words: readonly string[],
    doing: string,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { command, environment } = this.#options;
    const [program, ...rest] = command;
    const all = [...rest, '--bucket', bucket, '--key-file', keyFile, ...words];
    const { output, failure } = await new Promise<{ output: string; failure: Error | null }>((resolve) => {
      execFile(program, all, { env: environment, signal, encoding: 'utf8' }, (error, stdout, stderr) =>
        resolve({ output: stdout, failure: error && new Error(stderr.trim() || error.message, { cause: error }) }),
      );
    });
    const last = lastLine(output);
    if (failure === null) return result(last, doing);
    const said = refused.safeParse(last);
    if (said.success && !signal.aborted) throw inItsWords(said.data.error);
    if (signal.aborted && isAbort(signal.reason)) throw cancelled(doing, failure);
    if (signal.aborted) throw tooLong(doing, failure);
    throw new OpenCraneError('internal', 'bucket_program', `${doing}: ${messageOf(failure)}`, { cause: failure });
  }
}

function result(last: unknown, doing: string): unknown {
  const parsed = z.object({ result: z.unknown() }).safeParse(last);
  if (parsed.success) return parsed.data.result;
  throw new OpenCraneError('internal', 'bucket_program', `${doing}: the program did not say what came of it`);
}

/** It says a line of JSON at a time, what came of it last. */
function lastLine(output: string): unknown {
  try {
    return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '');
  } catch {
    return undefined;
  }
}

function inItsWords({ code, reason, message, field, mend }: z.output<typeof refused>['error']): OpenCraneError {
  return new OpenCraneError(errorCodeNamed(code) ?? 'internal', reason, message, { field, mend });
}

function cancelled(doing: string, cause: unknown): OpenCraneError {
  return new OpenCraneError('cancelled', 'cancelled', `${doing}: cancelled`, { cause, mend: 'ask for it again' });
}

function tooLong(doing: string, cause: unknown): OpenCraneError {
  return new OpenCraneError('unavailable', 'bucket_unreachable', `${doing}: it does not answer`, {
    cause,
    mend: 'check the bucket’s address and the network, and try again',
  });
}
