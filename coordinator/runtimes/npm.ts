/** The `npm` that came with the coordinator, as a program: whatever is or is not on the machine, installs go the same way. */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { npmEnvironment } from './build-environment.ts';

/** How a run of npm ended. */
export type NpmResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs npm with arguments; a code other than 0 is a result, not an error. */
export type Npm = (args: readonly string[], signal?: AbortSignal) => Promise<NpmResult>;

/** What of npm's output is kept: enough for any error and for the longest version list. */
const OUTPUT_BYTES = 1024 ** 2;

const endWithParent = new URL('./end-with-parent.mjs', import.meta.url).href;

/**
 * npm under this Node, in an environment and folders of its own below `folder` (build-environment.ts). `cache` is npm's
 * cache if it is to be another one.
 */
export function createNpm(environment: NodeJS.ProcessEnv, folder: string, cache = join(folder, 'cache')): Npm {
  const cli = join(dirname(createRequire(import.meta.url).resolve('npm/package.json')), 'bin', 'npm-cli.js');
  const folders = { home: join(folder, 'home'), tmp: join(folder, 'tmp') };
  const env = npmEnvironment(environment, { ...folders, cache });
  return async (args, signal) => {
    for (const each of Object.values(folders)) await mkdir(each, { recursive: true, mode: 0o700 });
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, ['--import', endWithParent, cli, ...args], {
        env,
        cwd: folders.home, // a project's own .npmrc, wherever the coordinator was started, is nothing to this
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
  };
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
