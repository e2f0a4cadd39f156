/**
 * OpenClaw's versions in the order they came out. They look like SemVer and are not: `2026.7.1-2` is a hotfix *after*
 * `2026.7.1`, `2026.7.1-beta.2` a beta before it. So pins are exact strings, and this order only sorts and suggests.
 */

/** Negative when `left` came out before `right`, 0 when they are the same. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [keyOf(left), keyOf(right)];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The known versions that come just before and after an unknown one, for a suggestion. */
export function neighbours(version: string, known: readonly string[]): string[] {
  const sorted = known.toSorted(compareVersions);
  const after = sorted.findIndex((each) => compareVersions(each, version) > 0);
  const at = after < 0 ? sorted.length : after;
  return sorted.slice(Math.max(0, at - 2), at + 1);
}

/** Year, month, patch, then -1 for a beta, 0 for the release and 1 for a hotfix, then its number. */
function keyOf(version: string): number[] {
  const [base = '', suffix = ''] = split(version);
  const numbers = base.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const padded = [...numbers, 0, 0, 0].slice(0, 3);
  if (suffix === '') return [...padded, 0, 0];
  const hotfix = /^\d+$/.exec(suffix);
  if (hotfix) return [...padded, 1, Number(suffix)];
  return [...padded, -1, Number(/(\d+)$/.exec(suffix)?.[1] ?? 0)];
}

function split(version: string): [base: string, suffix: string] {
  const dash = version.indexOf('-');
  return dash < 0 ? [version, ''] : [version.slice(0, dash), version.slice(dash + 1)];
}
