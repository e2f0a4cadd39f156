import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { forTerminal, plainText, styled } from '@opencrane/kit/terminal-text.ts';
import fc from 'fast-check';
import { Output } from './output.ts';
import { printError } from './print-error.ts';

const rows = [
  { reason: 'clearing the screen', text: '\u001b[2J\u001b[H', shown: '\\x1b[2J\\x1b[H' },
  {
    reason: 'a link (OSC 8)',
    text: '\u001b]8;;http://evil\u0007here\u001b]8;;\u0007',
    shown: '\\x1b]8;;http://evil\\x07here\\x1b]8;;\\x07',
  },
  { reason: 'a C1 control that begins a sequence by itself', text: '\u009b31m', shown: '\\x9b31m' },
  { reason: 'a line that is faked', text: 'jente\nnoor  ready\r\t', shown: 'jente\\nnoor  ready\\r\\t' },
  { reason: 'a name that is turned around', text: 'gpj.\u202eexe', shown: 'gpj.\\u202eexe' },
  { reason: 'letters that are not seen', text: 'a\u200bb\u{e0041}', shown: 'a\\u200bb\\u{e0041}' },
  { reason: 'half of a pair, which no terminal can show', text: '\ud800', shown: '\\ud800' },
  { reason: 'what people write stays as it is', text: 'Zoë 日本 👍 – “ok”', shown: 'Zoë 日本 👍 – “ok”' },
  {
    reason: 'our own colours, and nothing of what they are put around',
    text: styled('red', '\u001b[1mx'),
    shown: '\u001b[31m\\x1b[1mx\u001b[39m',
  },
] as const;

for (const { reason, text, shown } of rows) {
  test(`${reason}: ${JSON.stringify(text)}`, () => assert.equal(forTerminal(text), shown));
}

test('what stands for a colour cannot be written by anybody else', () => {
  const mark = styled('red', '').replace(/[0-9a-f]{16}/, '0123456789abcdef');
  assert.ok(!forTerminal(mark.replace(/\ufdd1.*$/u, '')).includes('\u001b'));
});

/** What our own styles come to. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is looked for
const own = /\u001b\[(?:1|2|22|31|32|33|36|39)m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is looked for
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

/** Any string, often with what a terminal acts on. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(
        '\u001b[31m',
        '\u001b]8;;x\u0007',
        '\n',
        '\r',
        '\u009b2J',
        '\u202e',
        '\u2028',
        '\ufdd0',
        '\u001b',
        '\ud800',
      ),
    ),
  )
  .map((parts) => parts.join(''));

test('whatever is written, a terminal gets no control but ours, and no line but ours', () => {
  fc.assert(
    fc.property(anyText, fc.boolean(), (text, colours) => {
      let written = '';
      const sink = { isTTY: true, columns: 60, write: (data: string | Uint8Array) => (written += data) };
      const output = new Output({ json: false, out: sink, errors: sink, colours });
      output.line(text);
      output.line(output.style('bold', output.style('green', text)));
      output.note(text);
      output.table(
        ['A', 'B'],
        [
          [text, 1],
          ['b', 2],
        ],
        '',
      );
      printError(output, new OpenCraneError('internal', 'x', `message ${text}`, { field: text, mend: text }));
      const plain = written.replace(own, '');
      assert.doesNotMatch(plain, controls);
      const ours = /^(error:| {5}\| | {3}at: | mend: )/;
      const fromError = plain.split('\n').slice(6, -1);
      for (const line of fromError) assert.match(line, ours);
      written = '';
      const area = output.live();
      area.draw([text, output.style('red', text)]);
      assert.doesNotMatch(written.replace(own, ''), controls);
      assert.equal(written.split('\n').length, 3);
    }),
  );
});

test('a text is as wide as it is seen', () => {
  fc.assert(fc.property(anyText, (text) => assert.equal(plainText(styled('dim', text)), forTerminal(text))));
});

test('JSON is as it was', () => {
  let written = '';
  const sink = { write: (data: string | Uint8Array) => (written += data) };
  new Output({ json: true, out: sink, errors: sink, colours: true }).jsonLine({ line: '\u001b[2J\n\u202e' });
  assert.deepEqual(JSON.parse(written), { line: '\u001b[2J\n\u202e' });
});
