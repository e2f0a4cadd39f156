import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryFolder } from '../testing.ts';
import { outsideFolders } from './outside-folders.ts';

const folder = temporaryFolder();
after(() => folder.remove());
let count = 0;

const agent = (id: string, workspace?: string) => ({ id, ...(workspace && { workspace }) });
const why = (user: string) => `${user} works there, outside of the state`;
const rows: {
  reason: string;
  config?: unknown;
  links?: Record<string, string>;
  outside: { path: string; why: string }[];
}[] = [
  {
    reason: 'what OpenClaw sets up by itself is in the state',
    config: { agents: { list: [agent('main')] } },
    outside: [],
  },
  { reason: 'without a configuration nothing is elsewhere', outside: [] },
  { reason: 'nor with one that cannot be read', config: 'garbage', outside: [] },
  {
    reason: 'an agent that was added with a workspace elsewhere',
    config: { agents: { list: [agent('main'), agent('second', '/srv/x')] } },
    outside: [{ path: '/srv/x', why: why('agent second') }],
  },
  {
    reason: 'the default for all',
    config: { agents: { defaults: { workspace: '/srv/all' } } },
    outside: [{ path: '/srv/all', why: why('OpenClaw') }],
  },
  { reason: 'the home is in the state', config: { agents: { list: [agent('second', '~/second')] } }, outside: [] },
  {
    reason: 'a workspace that is a link away',
    links: { workspace: '/srv/linked' },
    outside: [{ path: '/srv/linked', why: why('OpenClaw') }],
  },
  {
    reason: 'one that is behind a link further up, and a relative one',
    config: { agents: { list: [agent('second', 'projects/second')] } },
    links: { projects: '../../beside' },
    outside: [{ path: join(folder.path, 'beside/second'), why: why('agent second') }],
  },
  { reason: 'a link that stays within', links: { workspace: 'other' }, outside: [] },
  { reason: 'links in a circle lead nowhere', links: { workspace: 'a', a: 'workspace' }, outside: [] },
];

for (const { reason, config, links = {}, outside } of rows) {
  test(reason, () => {
    count += 1;
    const root = join(folder.path, `${count}`, 'state');
    mkdirSync(root, { recursive: true });
    if (config !== undefined) writeFileSync(join(root, 'openclaw.json'), JSON.stringify(config));
    for (const [path, target] of Object.entries(links)) symlinkSync(target, join(root, path));
    assert.deepEqual(outsideFolders(root), outside);
  });
}
