/** Every command, in the order of the help. */
import type { Command } from './command.ts';
import { start } from './start.ts';

/** The commands. */
export const commands: readonly Command[] = [start];
