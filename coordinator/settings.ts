/** What a coordinator is told: flags, else environment variables, else defaults. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { agentTimes } from '@opencrane/kit/agent-times.ts';
import { parseBucketAddress } from '@opencrane/kit/bucket-address.ts';
import { inOneLine, messageOf, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';

/** How long something is kept, as `30d` or `12h`, in milliseconds. */
const kept = z
  .string()
  .regex(/^[1-9]\d{0,4}[hd]$/, 'must be a number of hours or days, as 12h or 30d')
  .transform((text) => Number.parseInt(text, 10) * (text.endsWith('h') ? 3_600_000 : 86_400_000));

const port = z.coerce.number().int().min(0).max(65_535);

/** A flag, the variable that stands in for it, and what it must be. */
const settings = {
  home: { variable: 'OPENCRANE_HOME', schema: z.string().min(1).default('.opencrane') },
  'admin-port': { variable: 'OPENCRANE_ADMIN_PORT', schema: port.default(8720) },
  'agent-port': { variable: 'OPENCRANE_AGENT_PORT', schema: port.default(8721) },
  database: {
    variable: 'OPENCRANE_DATABASE',
    schema: z
      .string()
      .min(1)
      .refine(isDatabase, 'must be the path of a SQLite file, or postgres://USER@HOST/DATABASE')
      .optional(),
  },
  buckets: {
    variable: 'OPENCRANE_BUCKETS',
    schema: z
      .string()
      .includes('{tenant}', 'must name the tenant, as in gs://acme-{tenant}')
      .superRefine(refuseBadBucket)
      // An agent runs in its tenant's folder: what is meant from here would be another folder there.
      .transform((text) => (isRelativePath(text) ? resolve(text) : text))
      .optional(),
  },
  retention: {
    variable: 'OPENCRANE_RETENTION',
    schema: z
      .string()
      .regex(/^all=\d{1,5}[hd],hourly=\d{1,5}[hd],daily=\d{1,5}[hd]$/, 'must be as in all=1d,hourly=7d,daily=30d')
      .optional(),
  },
  'event-retention': { variable: 'OPENCRANE_EVENT_RETENTION', schema: kept.default(30 * 86_400_000) },
  'receipt-retention': { variable: 'OPENCRANE_RECEIPT_RETENTION', schema: kept.default(90 * 86_400_000) },
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
  /** How long events are kept, in milliseconds; 30 days unless told otherwise. */
  readonly eventsKeptMillis: number;
  /** How long receipts are kept, in milliseconds; 90 days unless told otherwise, the newest of a tenant and kind for ever. */
  readonly receiptsKeptMillis: number;
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
  requireAgentTimes(environment);
  return {
    home,
    adminPort: read('admin-port'),
    agentPort: read('agent-port'),
    database: read('database') ?? join(home, 'coordinator.sqlite'),
    buckets: read('buckets'),
    retention: read('retention'),
    eventsKeptMillis: read('event-retention'),
    receiptsKeptMillis: read('receipt-retention'),
    logLevel: read('log-level'),
  };
}

function isRelativePath(text: string): boolean {
  return !text.startsWith('/') && !/^[a-z][a-z0-9+.-]*:/i.test(text);
}

/** A path, or a URL that a Postgres client takes; another URL would be a file of a strange name. */
function isDatabase(text: string): boolean {
  if (/^postgres(ql)?:/.test(text)) return URL.canParse(text) && /^postgres(ql)?:\/\//.test(text);
  return !/^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/** Agents would refuse it, each for itself and again and again. */
function refuseBadBucket(text: string, context: z.RefinementCtx): void {
  try {
    parseBucketAddress(text.replaceAll('{tenant}', 'tenant'), 'buckets');
  } catch (cause) {
    const error = toOpenCraneError(cause, 'reading the address of buckets');
    context.addIssue({ code: 'custom', message: inOneLine(error) });
  }
}

/** These are handed down to agents and launchers, which cannot start with a bad one. */
function requireAgentTimes(environment: NodeJS.ProcessEnv): void {
  for (const [variable, { min, max }] of Object.entries(agentTimes)) {
    const parsed = z.coerce.number().int().min(min).max(max).optional().safeParse(environment[variable]);
    if (parsed.success) continue;
    throw new OpenCraneError('invalid_argument', 'setting_invalid', `${variable}: ${parsed.error.issues[0]?.message}`, {
      field: variable,
      mend: `change the variable ${variable}, a number of milliseconds, or unset it`,
    });
  }
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
