/** The lines of shell in help and documents that use `opencrane`. For tests. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands } from './all.ts';

const root = join(import.meta.dirname, '../..');

/** A line, and the text that shows it. */
export type ShownLine = { readonly where: string; readonly line: string };

/** Every line, help first. */
export function shownLines(): ShownLine[] {
  const inHelp = commands.flatMap(({ noun, verb, examples }) =>
    examples.map(({ command }) => ({ where: `help of ${noun} ${verb}`, line: command })),
  );
  const inDocs = globSync(['*.md', 'docs/**/*.md'], { cwd: root }).flatMap((file) =>
    codeBlocks(readFileSync(join(root, file), 'utf8')).map((line) => ({ where: file, line: line.trim() })),
  );
  return [...inHelp, ...inDocs].filter(({ line }) => callsOf(line).length > 0);
}

/** The words of each `opencrane …` in a line of shell. */
export function callsOf(line: string): string[][] {
  const command = /^(?:\$ |.*(?:&& |\| ))?(?:\w+=(?:"[^"]*"|\S+) )*(?:npx )?opencrane ([a-z].*)$/.exec(
    line.trim(),
  )?.[1];
  if (command === undefined) return [];
  const words = [...withoutRemark(command.split(/ \| | && | > /)[0] ?? '').matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)];
  return [words.map(([, one, two, three]) => one ?? two ?? three ?? '')];
}

/** A line without what the text says beside it. */
export function withoutRemark(line: string): string {
  return line.split(/ {2,}/)[0] ?? '';
}

/** The lines of code blocks, those in lists too. */
function codeBlocks(text: string): string[] {
  return [...text.matchAll(/^(?: |\d+\.)*```[^\n]*\n(.*?)^ *```/gms)].flatMap(([, block = '']) =>
    block.replaceAll('\\\n', ' ').split('\n'),
  );
}
