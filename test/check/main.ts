/** `npm run check`: every static check of the repository, one after the other; each prints only when it fails. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const generated = mkdtempSync(join(tmpdir(), 'opencrane-generated-'));

const checks: readonly { readonly what: string; readonly command: readonly string[] }[] = [
  { what: 'types', command: ['tsc', '-p', '.'] },
  { what: 'lint and format', command: ['biome', 'ci', '.'] },
  { what: 'dead code and dependencies', command: ['knip'] },
  { what: 'contracts: style', command: ['buf', 'lint'] },
  {
    what: 'contracts: compatible with the released ones',
    command: ['buf', 'breaking', 'proto/definitions', '--against', 'proto/released.binpb'],
  },
  { what: 'contracts: generate', command: ['buf', 'generate', '--output', generated] },
  {
    what: 'contracts: generated code is committed',
    command: ['diff', '-r', 'proto/gen', join(generated, 'proto/gen')],
  },
];

let failed = 0;
for (const { what, command } of checks) {
  const [program = '', ...rest] = command;
  const started = performance.now();
  const result = spawnSync(program, rest, { cwd: root, encoding: 'utf8' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const passed = result.status === 0;
  process.stdout.write(`${passed ? 'ok  ' : 'FAIL'} ${what} (${seconds} s)\n`);
  if (passed) continue;
  failed += 1;
  process.stdout.write(
    `$ ${command.join(' ')}\n${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}\n`,
  );
}
rmSync(generated, { recursive: true });
process.exitCode = failed === 0 ? 0 : 1;
