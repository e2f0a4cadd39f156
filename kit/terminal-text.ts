/**
 * Text for a terminal, in which only we say what moves, colours or ends a line.
 *
 * Names, values, reasons, logs and errors come from tenants, from npm, from anywhere. An escape sequence in one could clear the
 * screen, write to the clipboard or set a link (OSC 8), a line break could fake a line of ours, and a bidi control could turn
 * a name around. So every line that is written goes through here: what was put around text by `styled` becomes a colour, and
 * every other control is shown as JavaScript writes it, such as `\x1b` or `\u202e`.
 */
import { randomBytes } from 'node:crypto';

/** Styles that the CLI uses, with the SGR codes that begin and end each. */
const styles = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

/** A style. */
export type Style = keyof typeof styles;

/** Stands for the begin of an SGR sequence until a line is written. Nobody else can write it: it is another in each process. */
const MARK = `\ufdd0${randomBytes(8).toString('hex')}:`;
const MARK_END = '\ufdd1';
const marks = new RegExp(`${MARK}(\\d{1,2})${MARK_END}`, 'u');

/**
 * What a terminal, or an eye, takes for something else than a character: C0 and C1 controls with line breaks and DEL, bidi
 * controls, separators of lines and paragraphs, letters and blanks that are not seen, tag characters, halves of surrogate
 * pairs, noncharacters. Variation selectors of emoji stay.
 */
const control =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it is about
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]|\u034f|\p{Surrogate}|\p{Noncharacter_Code_Point}/gu;

/** Text in a style. It may be put into a line; `forTerminal` makes the sequences of it. */
export function styled(style: Style, text: string): string {
  const [begin, end] = styles[style];
  return `${MARK}${begin}${MARK_END}${text}${MARK}${end}${MARK_END}`;
}

/** One line as it is written: our styles as SGR sequences, and nothing else that a terminal acts on. */
export function forTerminal(line: string): string {
  // Split by a pattern with one group, every second part is what the group matched: a code of ours.
  return line
    .split(marks)
    .map((part, at) => (at % 2 === 0 ? escaped(part) : `\u001b[${part}m`))
    .join('');
}

/** One line without its styles, as it is seen. */
export function plainText(line: string): string {
  return line
    .split(marks)
    .map((part, at) => (at % 2 === 0 ? escaped(part) : ''))
    .join('');
}

/** Text of several lines, whose breaks are ours: each of its lines escaped. */
export function linesForTerminal(text: string): string {
  return text.split('\n').map(forTerminal).join('\n');
}

/**
 * A value as JSON that may be read in a terminal, too: what `JSON.stringify` leaves of the above is written as `\\u009b`,
 * which any parser reads as the same value.
 */
export function jsonForTerminal(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(control, (character) =>
    // The line breaks are those of the layout; within values JSON has escaped them.
    character === '\n' ? character : [...unitsOf(character)].map((unit) => `\\u${unit}`).join(''),
  );
}

function* unitsOf(text: string): Iterable<string> {
  for (let at = 0; at < text.length; at += 1) yield text.charCodeAt(at).toString(16).padStart(4, '0');
}

function escaped(text: string): string {
  return text.replace(control, (character) => {
    const known = names[character];
    if (known !== undefined) return known;
    const code = character.codePointAt(0) ?? 0;
    if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

const names: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
