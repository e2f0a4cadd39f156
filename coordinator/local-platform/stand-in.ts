/**
 * Stands in for an agent or a launcher in tests: holds its lock, writes its pid, and ends when it is told to.
 * A file `stubborn` in the tenant's folder makes it take SIGTERM for nothing.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { tenantLayout } from './layout.ts';

const program = process.argv[2] === 'agent' ? 'agent' : 'launcher';
const data = process.env['OPENCRANE_DATA'] ?? '';
const layout = tenantLayout(dirname(dirname(data)), process.env['OPENCRANE_TENANT'] ?? '');
mkdirSync(dirname(layout[program].lock), { recursive: true });
takeProcessLock(layout[program].lock, program, 500);
writeFileSync(layout[program].pid, `${process.pid}\n`);
process.stdout.write(`${program} of ${process.env['OPENCRANE_COORDINATOR']}\n`);
process.on('SIGTERM', () => {
  if (existsSync(join(data, 'stubborn'))) return;
  process.stdout.write('ended\n');
  process.exit(0);
});
setInterval(() => {}, 60_000);
