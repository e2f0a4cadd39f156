import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personsOwn, pick, surroundings } from './environment.ts';

const environment = {
  LANG: 'C',
  https_proxy: 'http://proxy',
  DISPLAY: ':0',
  SSH_AUTH_SOCK: '/s',
  OPENCRANE_HOME: '/h',
  OPENCRANE_TOKEN: 'secret',
  OPENCRANE_DATABASE: 'postgres://u:secret@db/x',
  UNSET: undefined,
};

test('what is let in is what is named and set', () => {
  assert.deepEqual(pick(environment, ['LANG', 'UNSET', 'NEVER']), { LANG: 'C' });
  assert.deepEqual(pick(environment, surroundings), { LANG: 'C', https_proxy: 'http://proxy' });
});

test("a person's editor or shell has all that is theirs, and no key to the coordinator", () => {
  const theirs = { LANG: 'C', https_proxy: 'http://proxy', DISPLAY: ':0', SSH_AUTH_SOCK: '/s', OPENCRANE_HOME: '/h' };
  assert.deepEqual(personsOwn(environment), theirs);
});
