/** Which of OpenClaw's complaints a change is to blame for. Pure. */
import { type JsonObject, jsonEquals } from '@opencrane/kit/canonical-json.ts';
import { managedPaths } from './managed-paths.ts';
import { parsePath } from './path.ts';
import type { Issue } from './ports.ts';

/** A merged document, and what a version says against it. */
export type Judged = { readonly document: JsonObject; readonly issues: readonly Issue[] };

/**
 * The issues that a change brings. One that was there before is not the change's, so that of two bad keys each can be
 * mended by itself; nor is one that only shows now because OpenClaw looks further once an earlier one is gone.
 */
export function issuesBrought(before: Judged, after: Judged): readonly Issue[] {
  const old = before.issues.flatMap(oneByOne);
  const fresh = after.issues.flatMap(oneByOne);
  if (old.length === 0) return fresh;
  const changed = changedPaths(before.document, after.document);
  return fresh.filter((issue) => {
    const touched = changed.filter(({ path }) => related(path, issue.path));
    if (touched.length === 0) return false;
    // A value that was bad before and is bad otherwise now is this change's; what only lies beside it is not.
    const known = old.some(({ path, message }) => path === issue.path && message === issue.message);
    return !known || touched.some(({ path, isSet }) => isSet && path === issue.path);
  });
}

/** Whether two paths are the same or one lies below the other. */
function related(left: string, right: string): boolean {
  return left === right || right === '' || left.startsWith(`${right}.`) || right.startsWith(`${left}.`);
}

function changedPaths(
  before: JsonObject,
  after: JsonObject,
): readonly { readonly path: string; readonly isSet: boolean }[] {
  const [old, fresh] = [managedPaths(before), managedPaths(after)];
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((path) => !jsonEquals(old.get(path), fresh.get(path)))
    .map((path) => ({ path: parsePath(path).join('.'), isSet: fresh.has(path) }));
}

/** OpenClaw names all unknown keys of an object in one message; each of them is an issue of its own. */
function oneByOne(issue: Issue): readonly Issue[] {
  const list = /^Unrecognized keys?: (?<keys>"[\s\S]*")$/.exec(issue.message)?.groups?.['keys'];
  if (list === undefined) return [issue];
  return [...list.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, key]) => ({
    path: issue.path === '' ? `${key}` : `${issue.path}.${key}`,
    message: `Unrecognized key: "${key}"`,
  }));
}
