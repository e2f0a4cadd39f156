/**
 * Holds read transactions on databases for its parent (pin-process.ts), and ends with it.
 *
 * A process of its own, because SQLite's locks are POSIX locks, and a process loses all of its locks on a file when it
 * closes any descriptor of that file. The agent opens and closes every file of the tenant as it walks its tree, so a
 * transaction in the agent itself would guard nothing (https://sqlite.org/howtocorrupt.html §2.2; it happened to
 * Litestream: https://github.com/benbjohnson/litestream/issues/79). Nothing here may open a database but SQLite.
 *
 * Plain JavaScript that imports nothing of ours, and requests that are not parsed: with the type stripper and zod it takes 81
 * MiB in place of 45. Only our parent can send any.
 */
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

/** Transactions by the number that the parent gave them. */
const held = new Map();

process.on('disconnect', () => {
  // Closed one by one: who was the only one on a database then leaves no -wal and -shm behind.
  for (const database of held.values()) database.close();
  process.exit();
});
process.on('message', (request) => {
  process.send?.({ number: request.number, ...answer(request) }, () => {}); // a parent that is gone: `disconnect` comes next
});

/** Answers a PinRequest (pin-protocol.ts). */
function answer(request) {
  try {
    switch (request.do) {
      case 'take':
        return { ok: true, journal: take(request.pin, request.path, request.writable) };
      case 'check':
        return { ok: held.get(request.pin)?.isTransaction === true };
      case 'release':
        held.get(request.pin)?.close();
        return { ok: held.delete(request.pin) };
      default:
        return { ok: false, message: `nobody knows how to ${request.do} a pin` };
    }
  } catch (cause) {
    return { ok: false, code: Number(cause.errcode ?? 0), message: cause.message };
  }
}

/** Begins a read transaction that sees the database as it is now; gives its journal mode. */
function take(pin, path, writable) {
  const url = pathToFileURL(path);
  url.searchParams.set('mode', writable ? 'rw' : 'ro'); // never one that makes the file
  const database = new DatabaseSync(url, { readOnly: !writable, timeout: 0 });
  try {
    database.exec('BEGIN');
    database.prepare('PRAGMA schema_version').get(); // reads page 1, and so takes the lock; reads no schema
    const journal = database.prepare('PRAGMA journal_mode').get()?.journal_mode;
    held.set(pin, database);
    return String(journal);
  } catch (cause) {
    database.close();
    throw cause;
  }
}
