import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { readCoordinatorSettings } from './settings.ts';

test('without flags and variables it is the folder below, and the documented ports', () => {
  assert.deepEqual(readCoordinatorSettings([], {}), {
    home: resolve('.opencrane'),
    adminPort: 8720,
    agentPort: 8721,
    database: resolve('.opencrane', 'coordinator.sqlite'),
    buckets: undefined,
    retention: undefined,
    eventsKeptMillis: 2_592_000_000,
    receiptsKeptMillis: 7_776_000_000,
    logLevel: 'info',
  });
});

test('a flag wins over its variable, and a variable over the default', () => {
  const settings = readCoordinatorSettings(['--admin-port', '0', '--database=postgres://db/x'], {
    OPENCRANE_ADMIN_PORT: '9000',
    OPENCRANE_AGENT_PORT: '9001',
    OPENCRANE_HOME: '/srv/crane',
    OPENCRANE_BUCKETS: 'gs://acme-{tenant}',
    OPENCRANE_RETENTION: 'all=2d,hourly=7d,daily=90d',
    OPENCRANE_EVENT_RETENTION: '12h',
    OPENCRANE_RECEIPT_RETENTION: '365d',
  });
  assert.deepEqual(settings, {
    home: '/srv/crane',
    adminPort: 0,
    agentPort: 9001,
    database: 'postgres://db/x',
    buckets: 'gs://acme-{tenant}',
    retention: 'all=2d,hourly=7d,daily=90d',
    eventsKeptMillis: 43_200_000,
    receiptsKeptMillis: 31_536_000_000,
    logLevel: 'info',
  });
});

const wrong = [
  { reason: 'a port that is no number', args: ['--admin-port', 'http'], variables: {}, field: 'admin-port' },
  { reason: 'a port past the last', args: ['--agent-port', '65536'], variables: {}, field: 'agent-port' },
  { reason: 'a variable that is no port', args: [], variables: { OPENCRANE_ADMIN_PORT: '-1' }, field: 'admin-port' },
  {
    reason: 'buckets that do not tell tenants apart',
    args: ['--buckets', 'gs://acme'],
    variables: {},
    field: 'buckets',
  },
  {
    reason: 'buckets at an address that agents refuse',
    args: [],
    variables: { OPENCRANE_BUCKETS: 'gs://Acme/{tenant}' },
    field: 'buckets',
  },
  {
    reason: 'buckets of a kind that there is not',
    args: ['--buckets', 's3://acme-{tenant}'],
    variables: {},
    field: 'buckets',
  },
  {
    reason: 'buckets at an endpoint that is no server',
    args: ['--buckets', 'gs://acme-{tenant}?endpoint=nowhere'],
    variables: {},
    field: 'buckets',
  },
  {
    reason: 'a database of a kind that there is not',
    args: ['--database', 'mysql://db/x'],
    variables: {},
    field: 'database',
  },
  {
    reason: 'a database address with a typing error',
    args: ['--database', 'postgres:/db/x'],
    variables: {},
    field: 'database',
  },
  { reason: 'a retention that is none', args: ['--retention', '30d'], variables: {}, field: 'retention' },
  {
    reason: 'a time for events that would keep none',
    args: ['--event-retention', '0d'],
    variables: {},
    field: 'event-retention',
  },
  {
    reason: 'a time for receipts without a unit',
    args: ['--receipt-retention', '30'],
    variables: {},
    field: 'receipt-retention',
  },
  { reason: 'a level that there is not', args: ['--log-level', 'loud'], variables: {}, field: 'log-level' },
];

for (const { reason, args, variables, field } of wrong) {
  test(`${reason} is refused by name, with the flag and the variable to change`, () => {
    assert.throws(
      () => readCoordinatorSettings(args, variables),
      (error: Error & { code?: string; field?: string; mend?: string }) => {
        assert.equal(error.code, 'invalid_argument');
        assert.equal(error.field, field);
        assert.match(error.mend ?? '', new RegExp(`--${field}.*OPENCRANE_`));
        return true;
      },
    );
  });
}

for (const [variable, value] of [
  ['OPENCRANE_DRAIN_MS', 'five minutes'],
  ['OPENCRANE_READY_TIMEOUT_MS', '0'],
  ['OPENCRANE_LEASE_TTL_MS', '10'],
  ['OPENCRANE_OUTAGE_MS', '-1'],
  ['OPENCRANE_SOAK_MS', '1.5'],
] as const) {
  test(`${variable}=${value} is refused here and not by every agent`, () => {
    assert.throws(() => readCoordinatorSettings([], { [variable]: value }), {
      code: 'invalid_argument',
      field: variable,
      mend: new RegExp(variable),
    });
  });
}

test('a folder for buckets is meant from where the coordinator was started', () => {
  for (const folder of ['./b/{tenant}', 'b/{tenant}', '.b/{tenant}']) {
    assert.equal(readCoordinatorSettings(['--buckets', folder], {}).buckets, resolve(folder));
  }
});

test('a flag that there is not is refused with those there are', () => {
  assert.throws(() => readCoordinatorSettings(['--hoem', 'x'], {}), {
    code: 'invalid_argument',
    reason: 'flag_unknown',
    mend: /--home, --admin-port/,
  });
});
