/** A document in the person's own editor. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';

/** A document that was edited; `discard` removes the file, `file` is where it is kept until then. */
export type Edited = { readonly text: string; readonly file: string; discard(): Promise<void> };

type Environment = Readonly<Record<string, string | undefined>>;

/** Opens VISUAL, EDITOR or vi on the document and resolves when the editor ends. */
export async function editDocument(document: JsonObject, name: string, environment: Environment): Promise<Edited> {
  const folder = await mkdtemp(join(tmpdir(), 'opencrane-edit-')); // 0700: configuration may hold what is private
  const file = join(folder, `${name.replaceAll('/', '-')}.json`);
  await writeFile(file, `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 });
  const editor = environment['VISUAL'] || environment['EDITOR'] || 'vi';
  // An editor may be several words, such as "code --wait": a shell splits them, and the file is never part of its text.
  const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit', env: environment });
  const [code] = await once(child, 'exit');
  if (code !== 0) {
    await rm(folder, { recursive: true });
    throw new OpenCraneError(
      'cancelled',
      'editor_failed',
      `nothing was changed: the editor "${editor}" ended with ${code}`,
      {
        field: 'EDITOR',
        mend: 'set EDITOR to one that runs here',
      },
    );
  }
  return { text: await readFile(file, 'utf8'), file, discard: () => rm(folder, { recursive: true }) };
}

/** The edited document; an error names the file, so that nothing that was typed is lost. */
export function parseEdited({ text, file }: Pick<Edited, 'text' | 'file'>): JsonObject {
  const parsed = parse(text, file);
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject; // JSON.parse gives nothing else
  throw notADocument('it is not a JSON object', file);
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notADocument(messageOf(cause), file);
  }
}

function notADocument(why: string, file: string): OpenCraneError {
  return new OpenCraneError(
    'invalid_argument',
    'edit_malformed',
    `nothing was changed: what you wrote cannot be read: ${why}`,
    {
      field: file,
      mend: `your text is kept in ${file}`,
    },
  );
}
