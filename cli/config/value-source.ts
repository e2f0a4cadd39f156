/** Where a value comes from: the command line, which everybody on the machine sees in `ps`, a file, or standard input. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';

/** What was typed of a value. */
export type ValueTyped = { readonly value?: string | undefined; readonly fromFile?: string | undefined };

/** The option, for commands that take a value. */
export const fromFileOption = {
  flags: '--from-file <path>',
  summary: 'read the value from a file, or from standard input for "-"; a secret on the command line is in `ps`',
};

/** The text of the value; of a file, without the newline at its end. Throws `invalid_argument` unless there is exactly one. */
export async function readValueText({ value, fromFile }: ValueTyped, folder: string): Promise<string> {
  if (value !== undefined && fromFile === undefined) return value;
  if (value !== undefined || fromFile === undefined) {
    const what = value === undefined ? 'there is no value' : 'there are two values';
    throw new OpenCraneError('invalid_argument', 'usage', what, {
      field: 'value',
      mend: 'type one behind the key, or name a file with --from-file',
    });
  }
  return (await readSource(fromFile, folder)).replace(/\r?\n$/, '');
}

async function readSource(path: string, folder: string): Promise<string> {
  try {
    return path === '-' ? await text(process.stdin) : await readFile(resolve(folder, path), 'utf8');
  } catch (cause) {
    throw new OpenCraneError('invalid_argument', 'value_unreadable', `reading the value: ${messageOf(cause)}`, {
      cause,
      field: path,
      mend: 'name a file that can be read',
    });
  }
}
