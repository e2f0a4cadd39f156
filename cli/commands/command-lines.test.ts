/** Every use of `opencrane` that help or the documentation shows is one that the program takes. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseBucketAddress } from '@opencrane/kit/bucket-address.ts';
import { CommanderError } from 'commander';
import { commands } from './all.ts';
import { buildProgram } from './register.ts';

const root = join(import.meta.dirname, '../..');

type Line = { readonly where: string; readonly line: string };

const inHelp: Line[] = commands.flatMap(({ noun, verb, examples }) =>
  examples.map(({ command }) => ({ where: `help of ${noun} ${verb}`, line: command })),
);
const inDocs: Line[] = globSync(['*.md', 'docs/**/*.md'], { cwd: root }).flatMap((file) =>
  codeBlocks(readFileSync(join(root, file), 'utf8')).map((line) => ({ where: file, line })),
);

test('there are examples and documents to look at', () => {
  assert.ok(inHelp.length > 40, `${inHelp.length} examples`);
  assert.ok(inDocs.filter(({ line }) => callsOf(line).length > 0).length > 20);
});

test('what the program does not take is found', async () => {
  const wrong = [
    'opencrane vault lost',
    'opencrane vault list --nonsense',
    'opencrane runtime pin',
    'x && opencrane nothing',
  ];
  for (const line of wrong) await assert.rejects(parse(line), CommanderError, line);
});

for (const { where, line } of [...inHelp, ...inDocs]) {
  if (callsOf(line).length === 0) continue;
  test(`${where}: ${line.trim()}`, () => parse(line));
}

/** Has the program take a line apart, and do nothing. */
async function parse(line: string): Promise<void> {
  for (const words of callsOf(line)) {
    const said: string[] = [];
    const program = buildProgram(commands, async () => {});
    for (const each of [program, ...program.commands, ...program.commands.flatMap((noun) => noun.commands)]) {
      each.exitOverride().configureOutput({ writeErr: (text) => said.push(text), writeOut: (text) => said.push(text) });
    }
    await program.parseAsync(words, { from: 'user' });
    assert.deepEqual(said, []);
    const bucket = words[words.indexOf('--bucket') + 1];
    if (words.includes('--bucket')) assert.ok(parseBucketAddress(bucket ?? '', '--bucket'));
  }
}

/** The words of each `opencrane …` in a line of shell. */
function callsOf(line: string): string[][] {
  const command = /^(?:\$ |.*(?:&& |\| ))?(?:npx )?opencrane ([a-z].*)$/.exec(line.trim())?.[1];
  if (command === undefined) return [];
  const [own = ''] = command.split(/ \| | && | > | {2,}/);
  const words = [...own.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)];
  return [words.map(([, one, two, three]) => one ?? two ?? three ?? '')];
}

function codeBlocks(text: string): string[] {
  return [...text.matchAll(/^```[^\n]*\n(.*?)^```/gms)].flatMap(([, block = '']) =>
    block.replaceAll('\\\n', ' ').split('\n'),
  );
}
