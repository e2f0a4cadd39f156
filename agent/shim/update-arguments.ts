/**
 * Which command lines of `openclaw` are an update that the agent does, as a pure function. Those that only look or
 * explain (`update status`, `--dry-run`, `--help`), and those we don't know, stay OpenClaw's own: as its supervisor is
 * set in its environment, it refuses by itself whatever would change the installation.
 */

/** An update that was asked for: an exact version or a dist-tag; empty means the latest. */
export type WantedUpdate = { readonly version: string };

/** Flags that only say how OpenClaw's own updater should behave; ours asks nothing and restarts by itself. */
const ignoredFlags = new Set(['--yes', '--json', '--no-restart', '--accept-capabilities', '--no-color']);
/** Flags with a value; the value of `--timeout` means nothing to ours. */
const options = new Set(['--tag', '--channel', '--timeout']);
/** OpenClaw's channels whose name differs from the dist-tag they follow. */
const tagOfChannel: Record<string, string> = { stable: 'latest' };

/** The update these arguments ask for; undefined when the command is OpenClaw's own. */
export function readUpdateArguments(args: readonly string[]): WantedUpdate | undefined {
  if (args[0] !== 'update' && args[0] !== '--update') return undefined;
  const words = args
    .slice(1)
    .flatMap(splitAssignment)
    .filter((word) => !ignoredFlags.has(word));
  const values = new Map<string, string>();
  for (let index = 0; index < words.length; index += 2) {
    const [name = '', value = '-'] = words.slice(index, index + 2);
    if (!options.has(name) || value.startsWith('-')) return undefined; // OpenClaw explains what is wrong with it
    values.set(name, value);
  }
  const channel = values.get('--channel') ?? '';
  return { version: values.get('--tag')?.replace(/^openclaw@/, '') ?? tagOfChannel[channel] ?? channel };
}

/** `--tag=V` as `--tag V`. */
function splitAssignment(word: string): string[] {
  const at = word.indexOf('=');
  return word.startsWith('--') && at > 0 ? [word.slice(0, at), word.slice(at + 1)] : [word];
}
