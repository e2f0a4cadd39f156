/** The tenant a command is about. */
import { z } from 'zod';
import type { Argument } from '../../command.ts';

/** The argument. */
export const nameArgument: Argument = { name: 'name', summary: "the tenant's name" };

/** What it is once typed. */
export const nameShape = { name: z.string().min(1, 'a name is needed') };
