/** A command as data: what it is called, what it takes, how it is used, and what it does. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { z } from 'zod';
import type { Clients } from './connection/clients.ts';
import type { Interrupts } from './interrupts.ts';
import type { Output } from './output/output.ts';

/** What a command runs in. */
export interface Context {
  readonly output: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder the program was started in. */
  readonly folder: string;
  readonly interrupts: Interrupts;
  readonly clock: Clock;
  /** Asks the person at the keyboard; undefined when there is none. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** The program, and its first arguments, that opens a vault without a coordinator. */
  readonly offlineVault: readonly string[];
  /** Clients of the coordinator; throws `unavailable` when there is none to be found. */
  connect(): Promise<Clients>;
}

/** A word after the verb. */
export type Argument = {
  readonly name: string;
  readonly summary: string;
  readonly optional?: boolean;
  /** Takes every word that follows; only for the last. */
  readonly several?: boolean;
};

/** A flag; `flags` are written as commander has them, such as `--reason <text>`. */
export type Option = {
  readonly flags: string;
  readonly summary: string;
};

/** A use of the command that works as it stands. */
type Example = {
  readonly command: string;
  readonly shows: string;
};

type Description = {
  /** Empty for a command that is only a verb, such as `start`. */
  readonly noun: string;
  readonly verb: string;
  readonly summary: string;
  readonly arguments: readonly Argument[];
  readonly options: readonly Option[];
  readonly examples: readonly Example[];
};

/** What was typed: arguments and options by name. */
export type RawInput = Readonly<Record<string, unknown>>;

/** A command that can be registered. */
export type Command = Description & {
  /** Resolves with the exit code. */
  run(context: Context, raw: RawInput): Promise<number>;
};

type Definition<Schema extends z.ZodType> = Description & {
  /** What arguments and options must be. */
  readonly input: Schema;
  /** Resolves with the exit code when it is not 0. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a command that has nothing to say about its end returns nothing
  run(context: Context, input: z.output<Schema>): Promise<number | void>;
};

/** Makes a command of its definition: what is typed is checked before it runs. */
export function command<Schema extends z.ZodType>(definition: Definition<Schema>): Command {
  const { input, run, ...description } = definition;
  return {
    ...description,
    async run(context, raw) {
      const parsed = input.safeParse(raw);
      if (!parsed.success) throw usageError(description, parsed.error);
      return (await run(context, parsed.data)) ?? 0;
    },
  };
}

/** How the command is called, such as `tenant create`. */
export function nameOf({ noun, verb }: Pick<Description, 'noun' | 'verb'>): string {
  return noun === '' ? verb : `${noun} ${verb}`;
}

function usageError(description: Description, error: z.ZodError): OpenCraneError {
  const issue = error.issues[0];
  const field = String(issue?.path[0] ?? '');
  return new OpenCraneError('invalid_argument', 'usage', `${field}: ${issue?.message ?? 'is wrong'}`, {
    field,
    mend: `see opencrane ${nameOf(description)} --help`,
  });
}
