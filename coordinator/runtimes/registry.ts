/** What the npm registry knows of an OpenClaw version, checked before anything is downloaded. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import semver from 'semver';
import { z } from 'zod';
import { type Npm, npmComplaint } from './npm.ts';
import { neighbours } from './versions.ts';

/** A version that exists and runs on the given Node. */
export type PublishedVersion = {
  readonly version: string;
  /** Node versions it runs on, as npm writes ranges. */
  readonly nodeRange: string;
  /** npm's integrity string of the package. */
  readonly integrity: string;
};

const viewed = z.object({
  version: z.string(),
  engines: z.object({ node: z.string() }).partial().optional(),
  'dist.integrity': z.string().default(''),
});

/** An exact version or a dist-tag; anything else (ranges, URLs, flags) is not for npm's command line. */
const SPECIFIER = /^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/;

/** Looks a version or dist-tag up. Throws `not_found`, `failed_precondition` for another Node, `unavailable` without a network. */
export async function findVersion(
  npm: Npm,
  wanted: string,
  nodeVersion: string,
  signal?: AbortSignal,
): Promise<PublishedVersion> {
  const specifier = wanted || 'latest';
  if (!SPECIFIER.test(specifier)) {
    throw new OpenCraneError(
      'invalid_argument',
      'runtime_version_malformed',
      `"${wanted}" is neither a version nor a dist-tag`,
      {
        field: 'version',
        mend: 'write an exact version such as 2026.9.6, or a tag such as latest',
      },
    );
  }
  const result = await npm(['view', `openclaw@${specifier}`, 'version', 'engines', 'dist.integrity', '--json'], signal);
  const found = readView(result.stdout);
  if (result.code !== 0 || found === undefined) throw await explain(npm, specifier, result, signal);
  const { version, engines, 'dist.integrity': integrity } = found;
  const nodeRange = engines?.node ?? '*';
  requireNode(version, nodeRange, nodeVersion);
  return { version, nodeRange, integrity };
}

/** Throws `failed_precondition` when a version needs another Node than the one it would run on. */
export function requireNode(version: string, nodeRange: string, nodeVersion: string): void {
  if (semver.satisfies(nodeVersion, nodeRange)) return;
  throw new OpenCraneError(
    'failed_precondition',
    'runtime_needs_other_node',
    `OpenClaw ${version} runs on Node ${nodeRange}; tenants here have Node ${nodeVersion}`,
    { field: 'version', mend: 'choose a version that runs on this Node, or give tenants the Node it needs' },
  );
}

/** npm prints one object, or a list when a range matches several; a specifier of ours matches one. */
function readView(stdout: string): z.infer<typeof viewed> | undefined {
  try {
    const parsed: unknown = JSON.parse(stdout);
    const result = viewed.safeParse(Array.isArray(parsed) ? parsed.at(-1) : parsed);
    return result.success ? result.data : undefined;
  } catch {
    return undefined; // no output, or npm's own error document
  }
}

async function explain(
  npm: Npm,
  specifier: string,
  result: Awaited<ReturnType<Npm>>,
  signal?: AbortSignal,
): Promise<OpenCraneError> {
  const isUnknown = /E404|No match(ing version)? found|ETARGET/i.test(result.stderr + result.stdout);
  // npm answers an unknown version of a known package with success and no output.
  if (!isUnknown && !(result.code === 0 && result.stdout.trim() === '')) {
    return new OpenCraneError(
      'unavailable',
      'registry_unreachable',
      `asking npm for openclaw@${specifier}: ${npmComplaint(result)}`,
      {
        mend: 'check the network and npm’s configuration; what is built already needs neither',
      },
    );
  }
  const near = neighbours(specifier, await publishedVersions(npm, signal));
  return new OpenCraneError('not_found', 'runtime_version_unknown', `there is no OpenClaw version ${specifier}`, {
    field: 'version',
    mend: near.length > 0 ? `versions near it are ${near.join(', ')}` : 'see `npm view openclaw versions`',
  });
}

async function publishedVersions(npm: Npm, signal?: AbortSignal): Promise<string[]> {
  const { stdout } = await npm(['view', 'openclaw', 'versions', '--json'], signal);
  try {
    return z.array(z.string()).parse(JSON.parse(stdout));
  } catch {
    return []; // the suggestion is a courtesy
  }
}
