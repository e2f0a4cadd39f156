/**
 * Folders that OpenClaw's agents work in and that lie outside of the state: a workspace that its configuration puts elsewhere, or
 * one that a symbolic link leads away from. Snapshots don't have them. They are told by their paths alone: what is out there may be
 * on a server that hangs, and is never touched.
 */
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { foreignMounts } from './foreign-mounts.ts';
import type { Unread } from './unread.ts';

/** What the configuration says of folders (agents.defaults and agents.list of openclaw.json). */
const configured = z.object({
  agents: z.object({
    defaults: z.object({ workspace: z.string().optional() }).optional(),
    list: z
      .array(z.object({ id: z.string(), workspace: z.string().optional(), agentDir: z.string().optional() }))
      .default([]),
  }),
});

/** Links that lead to links; the kernel gives up after 40. */
const MOST_LINKS = 40;

/** The folders outside of `root`, absolute, and who uses each. A configuration that cannot be read names none. */
export function outsideFolders(root: string): Unread[] {
  const foreign = foreignMounts(root);
  const outside = new Map<string, string>();
  for (const [path, user] of usedFolders(root)) {
    const folder = leadsTo(root, path, foreign);
    if (folder !== undefined && !outside.has(folder)) outside.set(folder, `${user} works there, outside of the state`);
  }
  return [...outside].map(([path, why]) => ({ path, why }));
}

function usedFolders(root: string): [path: string, user: string][] {
  const absolute = (path: string) => resolve(root, path.replace(/^~(?=\/|$)/, join(root, 'home')));
  const folders: [string, string][] = [[join(root, 'workspace'), 'OpenClaw']];
  const agents = readConfiguration(root);
  if (agents?.defaults?.workspace) folders.push([absolute(agents.defaults.workspace), 'OpenClaw']);
  for (const { id, workspace, agentDir } of agents?.list ?? []) {
    folders.push([join(root, `workspace-${id}`), `agent ${id}`]);
    for (const path of [workspace, agentDir]) if (path) folders.push([absolute(path), `agent ${id}`]);
  }
  return folders;
}

function readConfiguration(root: string): z.output<typeof configured>['agents'] | undefined {
  try {
    return configured.safeParse(JSON.parse(readFileSync(join(root, 'openclaw.json'), 'utf8'))).data?.agents;
  } catch {
    return undefined; // the snapshot, and OpenClaw itself, say what is wrong with it
  }
}

/** Where a path leads when that is outside of the root; undefined when it stays within, or ends at a mount, which is told as such. */
function leadsTo(root: string, to: string, foreign: ReadonlyMap<string, string>, links = 0): string | undefined {
  const real = realpathSync(root); // the configuration may spell it so
  const path = to === real || to.startsWith(`${real}/`) ? root + to.slice(real.length) : to;
  if (path !== root && !path.startsWith(`${root}/`)) return path;
  let here = root;
  for (const name of path.slice(root.length + 1).split('/')) {
    here = join(here, name);
    if (foreign.has(here.slice(root.length + 1)) || links > MOST_LINKS) return undefined;
    const target = linkAt(here);
    if (target !== undefined) {
      const rest = path.slice(here.length);
      return leadsTo(root, resolve(dirname(here), target) + rest, foreign, links + 1);
    }
  }
  return undefined;
}

/** Undefined when there is no link. */
function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
