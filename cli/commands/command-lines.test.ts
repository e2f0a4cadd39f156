/** Every use of `opencrane` that help or the documentation shows is one that the program takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBucketAddress } from '@opencrane/kit/bucket-address.ts';
import { CommanderError } from 'commander';
import { commands } from './all.ts';
import { buildProgram } from './register.ts';
import { callsOf, shownLines } from './testing-lines.ts';

const lines = shownLines();

test('there are examples and documents to look at', () => {
  assert.ok(lines.filter(({ where }) => where.startsWith('help')).length > 40);
  assert.ok(lines.filter(({ where }) => where.endsWith('.md')).length > 20);
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

for (const { where, line } of lines) test(`${where}: ${line}`, () => parse(line));

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
