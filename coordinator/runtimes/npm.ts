/** The `npm` that came with the coordinator, as a program: whatever is or is not on the machine, installs go the same way. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

/** How a run of npm ended. */
export type NpmResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs npm with arguments; a code other than 0 is a result, not an error. */
export type Npm = (args: readonly string[], signal?: AbortSignal) => Promise<NpmResult>;

/** What of npm's output is kept: enough for any error and for the longest version list. */
const OUTPUT_BYTES = 1024 ** 2;

const endWithParent = new URL('./end-with-parent.mjs', import.meta.url).href;

/** npm under this Node, with the user's own npm configuration and cache. */
export function createNpm(environment: NodeJS.ProcessEnv): Npm {
  const cli = join(dirname(createRequire(import.meta.url).resolve('npm/package.json')), 'bin', 'npm-cli.js');
  // Install scripts look for `node` on the PATH; theirs must be ours.
  const path = [dirname(process.execPath), environment['PATH'] ?? ''].join(delimiter);
  // A run by `npm start` brings npm_… variables of that run, which would be taken as configuration of this one.
  const inherited = Object.entries(environment).filter(
    ([name]) => !/^npm_(?!config_(cache|registry|userconfig)$)/i.test(name),
  );
  const env = {
    ...Object.fromEntries(inherited),
    PATH: path,
    npm_config_update_notifier: 'false',
    npm_config_fund: 'false',
    npm_config_audit: 'false',
  };
  return (args, signal) =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, ['--import', endWithParent, cli, ...args], {
        env,
        stdio: ['pipe', 'pipe', 'pipe'],
        ...(signal && { signal }),
      });
      child.stdin.on('error', () => {}); // npm ended first
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (data) => {
        stdout = (stdout + data).slice(-OUTPUT_BYTES);
      });
      child.stderr.on('data', (data) => {
        stderr = (stderr + data).slice(-OUTPUT_BYTES);
      });
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
    });
}

/** What npm says went wrong, without its log-file notices and stack traces. */
export function npmComplaint({ stderr, code }: NpmResult): string {
  const lines = stderr
    .split('\n')
    .filter((line) => /^npm (error|ERR!)/.test(line))
    .map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim())
    .filter((line) => line !== '' && !/^(A complete log|at |\{|\})/.test(line));
  return lines.slice(0, 8).join('\n') || `npm ended with code ${code}`;
}
