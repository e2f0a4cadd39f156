/** A candidate's trial by OpenClaw's own `config validate`, in the version that is to run it. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { withoutSecrets } from '@opencrane/kit/secret-values.ts';
import { z } from 'zod';
import type { CommandResult } from '../openclaw/command.ts';
import { type ConfigFiles, textOf } from './config-files.ts';

/** OpenClaw's verdict, with its own message and path. */
export type Verdict =
  | { readonly valid: true }
  | { readonly valid: false; readonly message: string; readonly path: string };

/** Runs `openclaw ARGUMENTS` of the version that is to serve, with some variables of its environment set otherwise. */
export type RunCommand = (
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<CommandResult>;

const answer = z.object({
  valid: z.boolean(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
});

/** Tries a document without touching the live file. Takes 2.4 to 3 s on a laptop: all of it OpenClaw's own loading. */
export async function validateCandidate(
  run: RunCommand,
  files: ConfigFiles,
  document: JsonObject,
  signal: AbortSignal,
): Promise<Verdict> {
  const candidate = files.candidate(randomBytes(6).toString('hex'));
  await mkdir(files.folder, { recursive: true, mode: 0o700 });
  try {
    await writeFileAtomically(candidate, textOf(document), 0o600);
    const result = await run(['config', 'validate', '--json'], { OPENCLAW_CONFIG_PATH: candidate }, signal);
    return verdictOf(result, (text) => withoutSecrets(text, document));
  } finally {
    await rm(candidate, { force: true });
  }
}

/** Reads the verdict out of what the command printed; `hide` takes secrets out of what is quoted of that. */
export function verdictOf({ code, stdout, stderr }: CommandResult, hide: (text: string) => string): Verdict {
  const parsed = answer.safeParse(parseJson(stdout));
  if (!parsed.success) {
    const said = hide(stderr.trim() || stdout.trim()).slice(-500);
    throw new OpenCraneError(
      'internal',
      'config_validate_failed',
      `openclaw config validate ended with code ${code} and no verdict; it said: ${said}`,
    );
  }
  const { valid, issues } = parsed.data;
  if (valid) return { valid: true };
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const path = first?.path === '<root>' ? '' : (first?.path ?? '');
  return { valid: false, path, message: hide(`${first?.path ?? '<root>'}: ${first?.message ?? 'not valid'}${more}`) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
