import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blamedLayer, type Complaint, type OfferedLayer } from './blamed-layer.ts';

const layers: readonly OfferedLayer[] = [
  { scope: { kind: 'organisation' }, number: 3, payload: { agents: { defaults: { timeoutSeconds: 'soon' } }, bad: 1 } },
  { scope: { kind: 'team', name: 'research' }, number: 7, payload: { gateway: { reload: { mode: 'x' } }, list: [1] } },
  {
    scope: { kind: 'tenant', name: 'jente' },
    number: 5,
    payload: { gateway: { reload: { debounceMs: -1 } }, models: { providers: { 'my.own': { api: 'none' } } }, bad: 2 },
  },
];

const rows: readonly (Complaint & { readonly reason: string; readonly blamed: string })[] = [
  {
    reason: 'a value of the outermost layer',
    path: 'agents.defaults.timeoutSeconds',
    message: 'Invalid input: expected number, received string',
    blamed: 'set by organisation, revision 3',
  },
  {
    reason: 'a key that two layers set: the one whose value was offered',
    path: '',
    message: '<root>: Unrecognized key: "bad"',
    blamed: 'set by tenant/jente, revision 5',
  },
  {
    reason: 'an unknown key further down, told with the path of its parent',
    path: 'gateway.reload',
    message: 'Unrecognized key: "mode"',
    blamed: 'set by team/research, revision 7',
  },
  {
    reason: 'something about an object that two layers made together',
    path: 'gateway.reload',
    message: 'Invalid input',
    blamed: 'set by team/research, revision 7, and tenant/jente, revision 5',
  },
  {
    reason: 'an entry of a list: the list is the value',
    path: 'list.0',
    message: 'Invalid input',
    blamed: 'set by team/research, revision 7',
  },
  {
    reason: 'a key with a dot in it, which OpenClaw writes as if it were two',
    path: 'models.providers.my.own.api',
    message: 'Invalid input',
    blamed: 'set by tenant/jente, revision 5',
  },
  { reason: 'a value that is in no layer', path: 'logging.level', message: 'Invalid input', blamed: '' },
  { reason: 'nothing that names a place', path: '', message: 'OpenClaw did not start', blamed: '' },
];

for (const { reason, blamed, ...complaint } of rows) {
  test(reason, () => assert.equal(blamedLayer(complaint, layers), blamed));
}
