import assert from 'node:assert/strict';
import { test } from 'node:test';
import { databaseBeside, isLeftOut } from './left-out.ts';

const paths = [
  { reason: 'OpenClaw fills its caches again', path: 'cache', out: true },
  { reason: 'temporary files are of a process that is gone', path: 'tmp', out: true },
  { reason: 'the compile cache is made anew', path: 'node-compile-cache', out: true },
  { reason: 'npm fetches again what its cache lacks', path: 'home/.npm', out: true },
  { reason: 'so do others', path: 'home/.cache', out: true },
  { reason: 'the rest of the home is the person’s', path: 'home/.npmrc', out: false },
  { reason: 'elsewhere it may be anything', path: 'workspace/home/.cache', out: false },
  { reason: 'a folder of that name elsewhere is the person’s', path: 'workspace/tmp', out: false },
  { reason: 'also further down', path: 'workspace/app/cache', out: false },
  { reason: 'a name that only begins so is another', path: 'tmp-notes', out: false },
  { reason: 'OpenClaw’s lock of a file', path: 'agents/main/sessions/sessions.json.lock', out: true },
  { reason: 'OpenClaw’s lock that is a database', path: 'gateway.ab12.lock.sqlite', out: true },
  { reason: 'and what SQLite keeps beside it', path: 'gateway.ab12.lock.sqlite-wal', out: true },
  { reason: 'versions of packages are pinned in locks', path: 'workspace/app/yarn.lock', out: false },
  { reason: 'the workspace of another agent is one too', path: 'workspace-research/flake.lock', out: false },
  { reason: 'a lock that Git left behind keeps Git from working', path: 'workspace/.git/index.lock', out: true },
  { reason: 'of a repository further down, too', path: 'workspace/app/.git/refs/heads/main.lock', out: true },
  { reason: 'OpenClaw’s lock of its configuration', path: 'openclaw.json.lock', out: true },
  { reason: 'and of what it does to a broken one', path: 'openclaw.json.clobber.lock', out: true },
  { reason: 'OpenClaw’s lock of a log', path: 'agents/main/sessions/5.jsonl.lock', out: true },
  ...['Cargo.lock', 'yarn.lock', 'uv.lock', 'poetry.lock', 'Gemfile.lock', 'flake.lock', 'bun.lock'].flatMap((name) =>
    ['', 'home/app/', 'agents/main/tools/', 'plugins/x/', 'projects/', 'workspace/'].map((folder) => ({
      reason: 'versions of packages are pinned in it, wherever it lies',
      path: `${folder}${name}`,
      out: false,
    })),
  ),
  { reason: 'a person’s database may be called so', path: 'home/app/db.lock.sqlite', out: false },
  {
    reason: 'a lock that Git left behind outside of a workspace is one, too',
    path: 'projects/x/.git/index.lock',
    out: true,
  },
  { reason: 'a folder that only ends so is none of Git', path: 'home/my.git/yarn.lock', out: false },
  {
    reason: 'what looks like our draft is not ours where we write nothing',
    path: 'home/a.0123456789ab.draft',
    out: false,
  },
  { reason: 'our draft of what serves', path: '.opencrane/serving.json.0123456789ab.draft', out: true },
  { reason: 'a file that we were writing', path: 'openclaw.json.0123456789ab.draft', out: true },
  { reason: 'gateway is no word of OpenClaw’s alone', path: 'workspace/gateway.a.lock', out: false },
  { reason: 'a person’s draft', path: 'workspace/letter.draft', out: false },
  { reason: 'what OpenClaw keeps', path: 'openclaw.json.last-good', out: false },
];
for (const { reason, path, out } of paths) test(`${path}: ${reason}`, () => assert.equal(isLeftOut(path), out));

const beside = [
  { reason: 'the log of changes', path: 'state/a.sqlite-wal', database: 'state/a.sqlite' },
  { reason: 'its index', path: 'state/a.sqlite-shm', database: 'state/a.sqlite' },
  { reason: 'the way back', path: 'state/a.sqlite-journal', database: 'state/a.sqlite' },
  { reason: 'any other file', path: 'state/a.sqlite', database: undefined },
];
for (const { reason, path, database } of beside) test(reason, () => assert.equal(databaseBeside(path), database));
