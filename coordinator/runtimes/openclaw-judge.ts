/**
 * Has a version's own `openclaw config validate` judge configurations, in a process with a folder and an environment of
 * its own: it sees the document and nothing else of the coordinator or of any tenant.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalJson, type JsonObject } from '@opencrane/kit/canonical-json.ts';
import { digestOfJson } from '@opencrane/kit/digest.ts';
import { messageOf } from '@opencrane/kit/errors.ts';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import { z } from 'zod';
import type { ConfigJudge, Issue, Judgement } from '../config/ports.ts';

/** What judging takes. */
export type OpenClawJudgeOptions = {
  /** The folder of a version's unpacked runtime, or why there is none. */
  readonly runtimeOf: (version: string) => Promise<{ readonly directory: string } | { readonly why: string }>;
  /** Its own folder: documents while they are judged, OpenClaw's compile cache. */
  readonly folder: string;
  readonly timeoutMillis?: number;
};

/** OpenClaw 2026.9.6 takes about 1.1 s on a quiet machine (measured), and many times that on a busy one. */
const TIMEOUT_MILLIS = 30_000;
/** Its answer names each issue and warning; one that is longer than this is no answer. */
const MOST_OUTPUT_BYTES = 4 * 1024 * 1024;
/** Judgements remembered; a judgement is a function of document and version. */
const MOST_REMEMBERED = 1_000;

const answer = z.object({
  valid: z.boolean(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
});

/** The judge. */
export class OpenClawJudge implements ConfigJudge {
  readonly #options: OpenClawJudgeOptions;
  readonly #remembered = new Map<string, Judgement>();

  constructor(options: OpenClawJudgeOptions) {
    this.#options = options;
  }

  async judge(document: JsonObject, version: string): Promise<Judgement> {
    const key = `${version} ${digestOfJson(document)}`;
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const runtime = await this.#options.runtimeOf(version);
    if ('why' in runtime) return { state: 'unknown', why: runtime.why };
    try {
      const issues = await this.#ask(document, runtime.directory);
      return this.#remember(key, { state: 'judged', issues });
    } catch (cause) {
      return { state: 'unknown', why: `its config validate gave no answer (${messageOf(cause)})` };
    }
  }

  async #ask(document: JsonObject, directory: string): Promise<readonly Issue[]> {
    const { folder } = this.#options;
    const own = join(folder, randomBytes(6).toString('hex'));
    await mkdir(own, { recursive: true, mode: 0o700 });
    try {
      const candidate = join(own, 'openclaw.json');
      await writeFile(candidate, canonicalJson(document), { mode: 0o600 });
      return issuesIn(await this.#run(directory, candidate, own));
    } finally {
      await removeTree(own);
    }
  }

  /** Resolves with what it printed, whatever its code: 1 is how it says "not valid". */
  #run(directory: string, candidate: string, own: string): Promise<string> {
    const entry = join(directory, 'lib', 'node_modules', 'openclaw', 'openclaw.mjs');
    const environment = {
      PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
      HOME: own,
      TMPDIR: this.#options.folder, // its compile cache, without which it takes twice as long
      OPENCLAW_STATE_DIR: join(own, 'state'),
      OPENCLAW_CONFIG_PATH: candidate,
      OPENCLAW_SUPERVISOR_MODE: 'external',
      OPENCLAW_NO_AUTO_UPDATE: '1',
      OPENCLAW_OFFLINE: '1',
      OPENCLAW_DISABLE_BONJOUR: '1',
    };
    const options = {
      cwd: own,
      env: environment,
      timeout: this.#options.timeoutMillis ?? TIMEOUT_MILLIS,
      killSignal: 'SIGKILL',
      maxBuffer: MOST_OUTPUT_BYTES,
    } as const;
    const args = ['--disable-warning=ExperimentalWarning', entry, 'config', 'validate', '--json'];
    return new Promise((resolve, reject) => {
      execFile(process.execPath, args, options, (error, stdout) => {
        if (error?.killed) reject(new Error(`not done within ${options.timeout} ms`));
        else if (error && typeof error.code !== 'number') reject(error);
        else resolve(stdout);
      });
    });
  }

  #remember(key: string, judgement: Judgement): Judgement {
    this.#remembered.set(key, judgement);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MOST_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
    return judgement;
  }
}

/** Reads what it printed. What is not its answer is not quoted: it may hold the document. */
function issuesIn(stdout: string): readonly Issue[] {
  const parsed = answer.safeParse(parseJson(stdout));
  if (!parsed.success) throw new Error('what it printed is no verdict');
  const { valid, issues } = parsed.data;
  if (valid) return [];
  if (issues.length === 0) return [{ path: '', message: 'it is not valid' }];
  return issues.map(({ path, message }) => ({ path: path === '<root>' ? '' : path, message }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
