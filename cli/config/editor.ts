/** A document in the person's editor. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { personsOwn } from '@opencrane/kit/environment.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { parseJsonExactly } from '@opencrane/kit/exact-json.ts';
import { jsonForTerminal } from '@opencrane/kit/terminal-text.ts';
import { z } from 'zod';

type Environment = Readonly<Record<string, string | undefined>>;

const objectSchema = z.record(z.string(), z.json());

/** A document that was edited. */
export type Edited = {
  readonly document: JsonObject;
  /** The file that holds it, until `discard`. */
  readonly file: string;
  discard(): Promise<void>;
};

/**
 * Resolves with what the document was made into. What was typed is never lost: when it is not JSON, the error names the
 * file that holds it.
 */
export async function editDocument(document: JsonObject, environment: Environment): Promise<Edited> {
  const folder = await mkdtemp(join(tmpdir(), 'opencrane-edit-'));
  const file = join(folder, 'layer.json');
  const discard = () => rm(folder, { recursive: true, force: true });
  await writeFile(file, `${jsonForTerminal(document, 2)}\n`, { mode: 0o600 });
  try {
    await runEditor(file, environment);
  } catch (cause) {
    await discard();
    throw cause;
  }
  return { document: parse(await readFile(file, 'utf8'), file), file, discard };
}

/** What the coordinator refused, with the file that holds what was typed. */
export function refusedEdit(
  { code, reason, message, field, mend, cause }: OpenCraneError,
  file: string,
): OpenCraneError {
  const kept = `what you wrote is kept in ${file}`;
  return new OpenCraneError(code, reason, message, { field, cause, mend: mend === '' ? kept : `${mend}; ${kept}` });
}

function parse(text: string, file: string): JsonObject {
  try {
    return objectSchema.parse(parseJsonExactly(text));
  } catch (cause) {
    if (cause instanceof OpenCraneError) throw refusedEdit(cause, file);
    const what = cause instanceof z.ZodError ? 'it is not an object' : messageOf(cause);
    throw new OpenCraneError('invalid_argument', 'document_malformed', `reading what you wrote: ${what}`, {
      cause,
      field: file,
      mend: `nothing was changed; what you wrote is kept in ${file}`,
    });
  }
}

/** EDITOR may hold arguments, so a shell reads it, as git does. */
function runEditor(file: string, environment: Environment): Promise<void> {
  const editor = environment['VISUAL'] || environment['EDITOR'] || 'vi';
  const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, editor, file], {
    stdio: 'inherit',
    env: personsOwn(environment),
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) return resolve();
      reject(
        new OpenCraneError('aborted', 'editor_failed', `${editor} ended with ${code}; nothing was changed`, {
          field: 'EDITOR',
          mend: 'set EDITOR to an editor that exists',
        }),
      );
    });
  });
}
