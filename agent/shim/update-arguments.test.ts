import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readUpdateArguments } from './update-arguments.ts';

const cases: readonly { reason: string; args: string[]; version: string | undefined }[] = [
  { reason: 'a bare update is for the latest', args: ['update'], version: '' },
  { reason: 'the shorthand that OpenClaw has too', args: ['--update'], version: '' },
  { reason: 'an exact version', args: ['update', '--tag', '2026.9.5'], version: '2026.9.5' },
  { reason: 'a hotfix is an exact version as well', args: ['update', '--tag=2026.7.1-2'], version: '2026.7.1-2' },
  { reason: 'a package spec of OpenClaw itself', args: ['update', '--tag', 'openclaw@beta'], version: 'beta' },
  { reason: 'a channel is a dist-tag', args: ['update', '--channel', 'beta'], version: 'beta' },
  { reason: 'the stable channel follows the tag latest', args: ['update', '--channel', 'stable'], version: 'latest' },
  { reason: 'a tag is more exact than a channel', args: ['update', '--tag', '1', '--channel', 'beta'], version: '1' },
  { reason: '… in either order', args: ['update', '--channel', 'beta', '--tag', '1'], version: '1' },
  { reason: 'consent is not asked for', args: ['update', '--yes', '--timeout', '60', '--json'], version: '' },
  { reason: 'status only looks', args: ['update', 'status', '--json'], version: undefined },
  { reason: 'a rehearsal only looks', args: ['update', '--dry-run'], version: undefined },
  {
    reason: 'a rehearsal of a version only looks too',
    args: ['update', '--tag', '1', '--dry-run'],
    version: undefined,
  },
  { reason: 'help explains', args: ['update', '--help'], version: undefined },
  { reason: 'a tag without its value is explained by OpenClaw', args: ['update', '--tag'], version: undefined },
  { reason: 'a flag is not a value', args: ['update', '--tag', '--yes'], version: undefined },
  { reason: 'what we do not know is not ours', args: ['update', '--from', 'x'], version: undefined },
  { reason: 'another command that names update', args: ['config', 'get', 'update'], version: undefined },
  { reason: 'no command at all', args: [], version: undefined },
];

for (const { reason, args, version } of cases) {
  test(`openclaw ${args.join(' ')}: ${reason}`, () => {
    assert.deepEqual(readUpdateArguments(args), version === undefined ? undefined : { version });
  });
}
