/**
 * The program that opens a vault without a coordinator, as a child process. It is the agent's own code, so a person gets
 * at their data with nothing of OpenCrane running; only paths and addresses are in its arguments, never the key.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { linesOf } from '@opencrane/kit/lines.ts';
import type { Context } from '../command.ts';
import type { Heard } from '../progress/steps.ts';
import { type OfflineWord, readOfflineWord } from './offline-words.ts';
import type { PutPiece } from './vault.ts';

/** What it is to do. */
export type OfflineTask = {
  readonly arguments: readonly string[];
  readonly heard: (progress: Heard) => void;
  /** Takes the archive of an export, which then comes on standard output, and words on descriptor 3. */
  readonly put?: PutPiece;
};

/** Of its standard error, so much is shown when it ends without a word. */
const LAST_BYTES = 4_096;

/** Runs it to its end; what it says came of it. Ctrl-C ends it. Throws what it says went wrong. */
export async function runOffline(context: Context, { arguments: words, heard, put }: OfflineTask): Promise<unknown> {
  const { environment, folder, interrupts, offlineVault } = context;
  const [program = process.execPath, ...rest] = offlineVault;
  const child = start(program, [...rest, ...words], { cwd: folder, env: environment, archive: put !== undefined });
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', (cause) => reject(notStarted(program, cause)));
    child.once('exit', (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with exit code ${code}`));
  });
  ended.catch(() => {}); // told below, when its streams have ended
  const lastWords = lastWordsOf(child);
  const stop = () => child.kill('SIGTERM');
  interrupts.onAgain(() => child.kill('SIGKILL'));
  interrupts.signal.addEventListener('abort', stop, { once: true });
  if (interrupts.signal.aborted) stop();
  try {
    const [last] = await Promise.all([listen(wordsOf(child, put), heard), put && take(child.stdout, put)]);
    const how = await ended;
    if (last?.kind === 'result') return last.result;
    if (interrupts.signal.aborted) throw new OpenCraneError('cancelled', 'cancelled', `the vault program ${how}`);
    throw last?.kind === 'error' ? last.error : endedWithoutAWord(how, lastWords());
  } catch (thrown) {
    child.kill('SIGTERM'); // one that is over already does not mind
    await ended.catch(() => {});
    throw thrown;
  } finally {
    interrupts.signal.removeEventListener('abort', stop);
  }
}

type Started = { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly archive: boolean };

function start(program: string, words: readonly string[], { cwd, env, archive }: Started): ChildProcess {
  try {
    return spawn(program, words, { cwd, env, stdio: ['ignore', 'pipe', 'pipe', archive ? 'pipe' : 'ignore'] });
  } catch (cause) {
    throw notStarted(program, cause); // most of what can go wrong is told as an event, an environment too large is not
  }
}

function wordsOf({ stdout, stdio }: ChildProcess, put: PutPiece | undefined): Readable {
  const stream = put ? stdio[3] : stdout;
  if (stream instanceof Readable) return stream;
  throw new OpenCraneError('internal', 'offline_stream_missing', 'the vault program has no stream for its words');
}

/** Passes progress on and resolves with the last word. */
async function listen(words: Readable, heard: (progress: Heard) => void): Promise<OfflineWord | undefined> {
  let last: OfflineWord | undefined;
  for await (const line of linesOf(words)) {
    if (line.trim() === '') continue;
    const word = readOfflineWord(line);
    if (word.kind === 'progress') heard(word.progress);
    else last = word;
  }
  return last;
}

async function take(archive: Readable | null, put: PutPiece): Promise<void> {
  for await (const piece of archive ?? []) await put(piece);
}

/** Gathers the end of what it writes to standard error. */
function lastWordsOf({ stderr }: ChildProcess): () => string {
  let tail = Buffer.alloc(0);
  stderr?.on('data', (bytes: Buffer) => {
    tail = Buffer.concat([tail, bytes]).subarray(-LAST_BYTES);
  });
  return () => tail.toString('utf8').trim();
}

function notStarted(program: string, cause: unknown): OpenCraneError {
  return new OpenCraneError('internal', 'offline_not_started', `starting ${program}: ${messageOf(cause)}`, {
    cause,
    mend: 'install OpenCrane anew: npm ci',
  });
}

function endedWithoutAWord(how: string, words: string): OpenCraneError {
  const what = `the vault program ${how} and did not say what came of it${words === '' ? '' : `:\n${words}`}`;
  return new OpenCraneError('internal', 'offline_ended', what, { mend: 'try again; if it stays so, report it' });
}
