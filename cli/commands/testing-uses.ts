/** How a test calls each command. */

/** A use of each command that ends by itself; how many documents it writes. */
export type Use = {
  readonly words: readonly string[];
  readonly documents?: 'lines';
  /** What the program says that opens a vault without a coordinator. */
  readonly result?: object;
};
const inBucket = ['--bucket', './bucket', '--key-file', 'tenant.key'];
const snapshot = { sequence: 41, takenAtMillis: 1_789_214_400_000 };
/** By the command's name. */
export const uses: Readonly<Record<string, Use>> = {
  status: { words: [] },
  events: { words: [], documents: 'lines' },
  'tenant create': { words: ['mees', '--no-wait'] },
  'tenant list': { words: [] },
  'tenant show': { words: ['jente'] },
  'tenant watch': { words: [], documents: 'lines' },
  'tenant restart': { words: ['jente'] },
  'tenant delete': { words: ['jente', '--yes'] },
  'tenant logs': { words: ['jente'], documents: 'lines' },
  'tenant open': { words: ['jente'] },
  'tenant shell': { words: ['jente'] },
  'config get': { words: ['--org'] },
  'config set': { words: ['a', '2', '--org', '--no-wait'] },
  'config unset': { words: ['a', '--org', '--no-wait'] },
  'config edit': { words: ['--org'] },
  'config diff': { words: ['jente', '--from', '7', '--to', '7'] },
  'config history': { words: ['--org'] },
  'runtime list': { words: [] },
  'runtime build': { words: [] },
  'runtime pin': { words: ['2026.9.6', '--org', '--no-wait'] },
  'runtime unpin': { words: ['--org'] },
  'runtime history': { words: ['jente'] },
  'vault list': { words: ['--tenant', 'jente'] },
  'vault snapshot': { words: ['--tenant', 'jente'] },
  'vault restore': { words: ['--tenant', 'jente', '--yes'] },
  'vault verify': { words: ['--tenant', 'jente'] },
  'vault prune': { words: ['--tenant', 'jente'] },
  'vault export': { words: ['--tenant', 'jente', '--output', '/dev/null'] },
  'vault diff': { words: ['1', '2', '--tenant', 'jente'] },
  'vault recover': { words: inBucket, result: { recovered: { of: snapshot, newest: snapshot, changed: true } } },
  'vault rotate-key': {
    words: [...inBucket, '--new-key-file', 'new.key'],
    result: { rotated: { oldKey: '0123456789abcdef', newKey: 'fedcba9876543210', generation: 2 } },
  },
  'vault delete': { words: [...inBucket, '--yes'], result: { removed: { objects: 12, bytes: 4096, left: false } } },
  'audit list': { words: [] },
};
