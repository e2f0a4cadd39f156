/** What a coordinator is told: flags, else environment variables, else defaults. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);

/** A flag, the variable that stands in for it, and what it must be. */
const settings = {
  home: { variable: 'OPENCRANE_HOME', schema: z.string().min(1).default('.opencrane') },
  'admin-port': { variable: 'OPENCRANE_ADMIN_PORT', schema: port.default(8720) },
  'agent-port': { variable: 'OPENCRANE_AGENT_PORT', schema: port.default(8721) },
  database: { variable: 'OPENCRANE_DATABASE', schema: z.string().optional() },
  buckets: {
    variable: 'OPENCRANE_BUCKETS',
    schema: z.string().includes('{tenant}', 'must name the tenant, as in gs://acme-{tenant}').optional(),
  },
  retention: {
    variable: 'OPENCRANE_RETENTION',
    schema: z
      .string()
      .regex(/^all=\d{1,5}[hd],hourly=\d{1,5}[hd],daily=\d{1,5}[hd]$/, 'must be as in all=1d,hourly=7d,daily=30d')
      .optional(),
  },
  'log-level': {
    variable: 'OPENCRANE_LOG_LEVEL',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  },
} as const;

/** The settings of a coordinator. */
export type CoordinatorSettings = {
  readonly home: string;
  /** 0 means any free port. */
  readonly adminPort: number;
  readonly agentPort: number;
  /** Path of an SQLite file, or a `postgres://` URL. */
  readonly database: string;
  /** Address of a tenant's bucket, with `{tenant}` for its name; undefined for a folder beside the tenant's others. */
  readonly buckets: string | undefined;
  /** Which snapshots agents keep, as `all=1d,hourly=7d,daily=30d`; undefined for their own default, which is this one. */
  readonly retention: string | undefined;
  readonly logLevel: string;
};

/** Reads flags and environment; says which setting is wrong and how to mend it. */
export function readCoordinatorSettings(args: readonly string[], environment: NodeJS.ProcessEnv): CoordinatorSettings {
  const flags = readFlags(args);
  const read = <Name extends keyof typeof settings>(name: Name): z.output<(typeof settings)[Name]['schema']> => {
    const { variable, schema } = settings[name];
    const parsed = schema.safeParse(flags[name] ?? environment[variable]);
    // Each schema's output is its own type; the compiler does not relate the union it sees here to `Name`.
    if (parsed.success) return parsed.data as z.output<(typeof settings)[Name]['schema']>;
    throw new OpenCraneError('invalid_argument', 'setting_invalid', `--${name}: ${parsed.error.issues[0]?.message}`, {
      field: name,
      mend: `change --${name}, or the variable ${variable}`,
    });
  };
  const home = resolve(read('home'));
  return {
    home,
    adminPort: read('admin-port'),
    agentPort: read('agent-port'),
    database: read('database') ?? join(home, 'coordinator.sqlite'),
    buckets: read('buckets'),
    retention: read('retention'),
    logLevel: read('log-level'),
  };
}

function readFlags(args: readonly string[]): Partial<Record<keyof typeof settings, string>> {
  const options = Object.fromEntries(Object.keys(settings).map((name) => [name, { type: 'string' as const }]));
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    throw new OpenCraneError('invalid_argument', 'flag_unknown', messageOf(cause), {
      cause,
      mend: `the flags are ${Object.keys(settings)
        .map((name) => `--${name}`)
        .join(', ')}`,
    });
  }
}
