/** What cannot be taken back is confirmed by typing a name. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Context } from '../command.ts';

/** What is about to be done. */
export type Intent = {
  /** In words that an error begins with, such as `deleting jente`. */
  readonly doing: string;
  /** What it means, in one line. */
  readonly means: string;
  /** What is to be typed. */
  readonly name: string;
};

/** Resolves when the person has typed the name; throws when they did not, or nobody can be asked. */
export async function confirmByName({ ask }: Pick<Context, 'ask'>, { doing, means, name }: Intent): Promise<void> {
  if (ask === undefined) {
    throw new OpenCraneError('failed_precondition', 'not_confirmed', `${doing}: nobody can be asked here`, {
      field: 'yes',
      mend: 'say --yes',
    });
  }
  const answer = await ask(`${means} Type its name to go on: `);
  if (answer.trim() === name) return;
  throw new OpenCraneError('aborted', 'not_confirmed', `${doing}: not confirmed; nothing was changed`);
}
