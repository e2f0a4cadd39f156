/** Runs programs as somebody whom modes hold back, also where tests run as root. */
import { spawnSync } from 'node:child_process';

/**
 * What to put before a command line, or why it cannot be done here. Root keeps its user number and loses its capabilities: what
 * is its own stays its own, and what a mode forbids is forbidden.
 */
export function asPlainUser(): { readonly before: readonly string[] } | { readonly skip: string } {
  if (process.getuid?.() !== 0) return { before: [] };
  const before = ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all'];
  const [program = '', ...words] = [...before, 'true'];
  if (spawnSync(program, words).status === 0) return { before };
  return { skip: 'tests run as root, whom no mode holds back, and there is no setpriv (util-linux) to give that up' };
}
