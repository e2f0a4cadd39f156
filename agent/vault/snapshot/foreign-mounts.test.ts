import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMounts } from '@opencrane/kit/mounts.ts';
import { foreignOf } from './foreign-mounts.ts';

const line = (point: string, type: string) => `36 35 98:0 / ${point} rw,noatime shared:1 - ${type} source rw`;

const tables = [
  {
    reason: 'a bucket in the workspace',
    lines: [line('/s/workspace/b', 'fuse.gcsfuse')],
    foreign: [['workspace/b', 'fuse.gcsfuse']],
  },
  { reason: 'a volume of a local disk is part of the state', lines: [line('/s/workspace', 'ext4')], foreign: [] },
  {
    reason: 'what is mounted at the state itself, or above it, is the state',
    lines: [line('/s', 'nfs4'), line('/', 'fuse')],
    foreign: [],
  },
  { reason: 'a folder whose name only begins so is another', lines: [line('/state-2/a', 'nfs4')], foreign: [] },
  {
    reason: 'a type that nobody knows may belong to a server',
    lines: [line('/s/a', 'newfs')],
    foreign: [['a', 'newfs']],
  },
  {
    reason: 'a mount may have options before its type, or none',
    lines: ['1 2 0:1 / /s/a rw - proc proc rw'],
    foreign: [['a', 'proc']],
  },
  {
    reason: 'of two at one place the later covers the other',
    lines: [line('/s/a', 'nfs'), line('/s/a', 'tmpfs')],
    foreign: [],
  },
  {
    reason: 'blanks and line breaks in a name are escaped',
    lines: [line('/s/a\\040b\\012c\\134d', 'nfs')],
    foreign: [['a b\nc\\d', 'nfs']],
  },
  {
    reason: 'a name that is no UTF-8 is as a snapshot spells it',
    lines: [line('/s/\xe9', 'nfs')],
    foreign: [['\udce9', 'nfs']],
  },
  { reason: 'what is no line of a table is passed over', lines: ['', 'x - y', '1 2 3'], foreign: [] },
] as const;
for (const { reason, lines, foreign } of tables)
  test(reason, () =>
    assert.deepEqual([...foreignOf(parseMounts(Buffer.from(lines.join('\n'), 'latin1'), '/s'))], foreign),
  );
