/** Writing a change without the coordinator's check. */
import { z } from 'zod';

/** The option, for the commands that change a layer. */
export const skipCheckOption = {
  flags: '--skip-check',
  summary: "don't ask the tenants' OpenClaw versions first; their agents refuse what is wrong",
};

/** What is typed for it. */
export const skipCheckShape = { skipCheck: z.boolean().default(false) };
