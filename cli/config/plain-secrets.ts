/** Keeping secrets in clear. */
import { z } from 'zod';

/** The option, for the commands that add to a layer. */
export const plainSecretsOption = {
  flags: '--plain-secrets',
  summary: "keep secrets in clear in the coordinator's database; they are never shown again",
};

/** What is typed for it. */
export const plainSecretsShape = { plainSecrets: z.boolean().default(false) };
