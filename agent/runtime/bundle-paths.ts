/** Which paths and links a bundle may hold: none that leads out of its folder. */
import { posix } from 'node:path';
import { refused } from './tar-reader.ts';

/** The path of an entry, checked and without a trailing slash. */
export function checkedPath(path: string): string {
  const clean = path.replace(/\/$/, '');
  const steps = clean.split('/');
  const bad =
    clean === '' ||
    clean.includes('\0') ||
    clean.includes('\\') || // a separator on some systems, a letter on others
    steps.some((step) => step === '' || step === '.' || step === '..');
  if (bad) throw refused(`${JSON.stringify(path.slice(0, 200))} leads out of the bundle's folder`);
  return clean;
}

/** The target of a link, unchanged, once it is known to stay within the bundle's folder. */
export function checkedTarget(path: string, target: string): string {
  const resolved = posix.normalize(posix.join(posix.dirname(path), target));
  const bad =
    target === '' ||
    target.includes('\0') ||
    target.includes('\\') ||
    posix.isAbsolute(target) ||
    resolved === '..' ||
    resolved.startsWith('../');
  if (bad) throw refused(`${path} links to ${JSON.stringify(target.slice(0, 200))}, out of the bundle's folder`);
  return target;
}

/** The folder that holds a path; `''` for the bundle's own. */
export function parentOf(path: string): string {
  const parent = posix.dirname(path);
  return parent === '.' ? '' : parent;
}
