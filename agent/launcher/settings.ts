/** What a launcher is told by its surroundings. */
import { resolve } from 'node:path';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod/mini';

const schema = z.object({
  OPENCRANE_TENANT: z.string().check(z.minLength(1)),
  OPENCRANE_DATA: z.string().check(z.minLength(1)),
  OPENCRANE_LOG_LEVEL: z._default(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']), 'info'),
  /** For the drain when the launcher itself is told to end. */
  OPENCRANE_DRAIN_MS: z._default(z.coerce.number().check(z.int(), z.positive()), 330_000),
});

/** Reads the settings from the environment; says which variable is wrong and how. */
export function readLauncherSettings(environment: NodeJS.ProcessEnv) {
  const parsed = schema.safeParse(environment);
  if (parsed.success) {
    const { OPENCRANE_TENANT: tenant, OPENCRANE_DATA: data } = parsed.data;
    const { OPENCRANE_LOG_LEVEL: logLevel, OPENCRANE_DRAIN_MS: drainMillis } = parsed.data;
    return { tenant, data: resolve(data), logLevel, drainMillis } as const;
  }
  const [issue] = parsed.error.issues;
  const variable = String(issue?.path[0] ?? '');
  throw new OpenCraneError(
    'invalid_argument',
    'setting_invalid',
    `reading the environment: ${variable}: ${issue?.message}`,
    { field: variable, mend: `set ${variable}; whoever starts the launcher does that` },
  );
}
