/** A process that has one connection and does what it is told: `node testing-sql.ts PATH` (see testing.ts). */
import { DatabaseSync } from 'node:sqlite';

const database = new DatabaseSync(process.argv[2] ?? '', { timeout: 5000 });
process.on('disconnect', () => process.exit());
process.on('message', (sql) => {
  try {
    process.send?.({ rows: sql === 'close' ? database.close() : run(String(sql)) });
  } catch (cause) {
    process.send?.({ failure: String(cause) });
  }
});

/** Runs statements; gives the rows of the last one. */
function run(sql: string) {
  const at = sql.lastIndexOf(';');
  if (at >= 0) database.exec(sql.slice(0, at));
  return database.prepare(sql.slice(at + 1)).all();
}
