/**
 * The `openclaw` that a tenant's shell finds first. `openclaw update` becomes a request to the tenant's agent; every
 * other command line becomes OpenClaw itself: this process is replaced by it, so that arguments, standard streams,
 * signals and the exit code are OpenClaw's own.
 */
import { readFileSync } from 'node:fs';
import { personsOwn } from '@opencrane/kit/environment.ts';
import { exitCodeOf, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { linesForTerminal } from '@opencrane/kit/terminal-text.ts';
import { type TenantFolders, tenantFolders } from '../folders.ts';
import { readStartRecord } from '../launcher/start-record.ts';
import { nodeFlags, openclawEntry } from '../openclaw/environment.ts';
import { readUpdateArguments } from './update-arguments.ts';

const args = process.argv.slice(2);

async function main(): Promise<number> {
  const folders = tenantFolders(dataFolder());
  const wanted = readUpdateArguments(args);
  if (wanted === undefined) return await becomeOpenClaw(folders);
  const { requestUpdate } = await import('./request-update.ts'); // only this needs the libraries behind it
  return await requestUpdate(folders, wanted.version);
}

/** Does not return. */
async function becomeOpenClaw(folders: TenantFolders): Promise<never> {
  const record = await readStartRecord(folders.started);
  if (record === undefined) {
    throw new OpenCraneError('failed_precondition', 'never_started', 'OpenClaw was never started for this tenant yet', {
      mend: 'wait until the tenant is ready',
    });
  }
  const environment = {
    ...personsOwn(process.env),
    ...Object.fromEntries(Object.entries(record.environment).filter(([name]) => isTenants(name))),
    OPENCLAW_GATEWAY_TOKEN: readFileSync(folders.gatewayToken, 'utf8').trim(),
  };
  const entry = openclawEntry(record.runtimeDirectory);
  process.execve?.(process.execPath, [process.execPath, ...nodeFlags, entry, ...args], environment);
  throw new OpenCraneError('unimplemented', 'no_execve', 'this system cannot replace a process by another');
}

/** Which variables of the gateway's environment its commands need; the rest is the shell's own affair. */
function isTenants(name: string): boolean {
  return name === 'HOME' || name === 'TMPDIR' || name.startsWith('OPENCLAW_');
}

function dataFolder(): string {
  const folder = process.env['OPENCRANE_DATA'];
  if (folder !== undefined && folder !== '') return folder;
  throw new OpenCraneError('invalid_argument', 'setting_invalid', 'OPENCRANE_DATA does not name a tenant folder', {
    field: 'OPENCRANE_DATA',
    mend: "call the tenant's own bin/openclaw",
  });
}

try {
  process.exitCode = await main();
} catch (cause) {
  const error = toOpenCraneError(cause, 'running openclaw');
  process.stderr.write(linesForTerminal(`openclaw: ${error.message}\n${error.mend && `${error.mend}\n`}`));
  process.exitCode = exitCodeOf(error);
}
