/** JSON as people write it, read without losing digits of its numbers. */
import type { Json } from './canonical-json.ts';
import { OpenCraneError } from './errors.ts';

/**
 * Reads a text. Throws SyntaxError for what is not JSON, and `invalid_argument` for a number that JSON's readers, ours
 * and OpenClaw's, would change: they keep 53 bits, and identifiers of chats and accounts have 64.
 */
export function parseJsonExactly(text: string): Json {
  return JSON.parse(text, (_key: string, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source;
    if (typeof value === 'number' && source !== undefined && !isKept(source, value)) throw numberLost(source, value);
    return value;
  });
}

/** Whether a number is one that every reader keeps as it is; a larger integer may have lost digits on its way here. */
export function isKeptNumber(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

/** The error for a number that is not kept. */
export function numberLost(written: string, becomes: number, field = ''): OpenCraneError {
  const what = written === String(becomes) ? `${written} has more digits than` : `${written} would become ${becomes}:`;
  const why =
    written === String(becomes) ? ' a number in JSON keeps' : ' it has more digits than a number in JSON keeps';
  return new OpenCraneError('invalid_argument', 'number_not_kept', `${what}${why}`, {
    field,
    mend: `quote it: "${written}" is kept as it is`,
  });
}

function isKept(source: string, value: number): boolean {
  const [written, kept] = [decimalOf(source), decimalOf(String(value))];
  return kept !== undefined && written?.digits === kept.digits && written.exponent === kept.exponent;
}

/** A number as its digits, without zeros at either end, and the power of ten of the first one. */
function decimalOf(text: string): { readonly digits: string; readonly exponent: number } | undefined {
  const parts = /^-?(?<whole>\d+)(?:\.(?<fraction>\d+))?(?:e(?<power>[+-]?\d+))?$/i.exec(text)?.groups;
  if (parts === undefined) return undefined; // Infinity
  const { whole = '', fraction = '', power = '0' } = parts;
  const all = `${whole}${fraction}`;
  const first = all.search(/[1-9]/);
  if (first === -1) return { digits: '0', exponent: 0 };
  return { digits: all.slice(first).replace(/0+$/, ''), exponent: Number(power) + whole.length - first };
}
