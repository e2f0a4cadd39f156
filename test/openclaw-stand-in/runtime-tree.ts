/** Makes a runtime of the stand-in: the folders and names of a real one, with the program in plain JavaScript. */
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

const program = join(import.meta.dirname, 'program');
/** The one package that it needs: OpenClaw's own parser of its configuration, which has the words for what is wrong. */
const json5 = join(import.meta.dirname, '../../node_modules/json5');

/** What differs between versions: `user_version` of the real ones' databases, held by test/contract. */
const schemas: Readonly<Record<string, { readonly stateSchema: number; readonly agentSchema: number }>> = {
  '2026.9.5': { stateSchema: 17, agentSchema: 23 },
  '2026.9.6': { stateSchema: 18, agentSchema: 23 },
};

/** Fills `folder`, as a real runtime's, with the stand-in for a version. */
export function makeRuntimeTree(folder: string, version: string): void {
  const standIn = schemas[version];
  if (standIn === undefined) throw new Error(`the stand-in does not know what OpenClaw ${version} is like`);
  const home = join(folder, 'lib', 'node_modules', 'openclaw');
  for (const file of globSync('**/*.ts', { cwd: program })) {
    const target = join(home, 'dist', file.replace(/\.ts$/, '.mjs'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, toJavaScript(readFileSync(join(program, file), 'utf8')));
  }
  const dependency = join(home, 'node_modules', 'json5');
  for (const each of ['package.json', 'lib']) cpSync(join(json5, each), join(dependency, each), { recursive: true });
  writeFileSync(join(home, 'openclaw.mjs'), "import './dist/openclaw.mjs';\n");
  const manifest = { name: 'openclaw', version, type: 'module', bin: { openclaw: 'openclaw.mjs' }, standIn };
  writeFileSync(join(home, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Node takes no types away below a node_modules. */
function toJavaScript(source: string): string {
  return stripTypeScriptTypes(source).replaceAll(/(from '\.[^']*)\.ts'/g, "$1.mjs'");
}
