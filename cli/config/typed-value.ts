/** A value as it is typed: JSON where it reads as JSON, else a string. */
import type { JsonValue } from '@bufbuild/protobuf';
import { parseJsonExactly } from '@opencrane/kit/exact-json.ts';

/** The value. `asString` takes what was typed as it is. Throws `invalid_argument` for a number that would lose digits. */
export function typedValue(text: string, asString: boolean): JsonValue {
  if (asString) return text;
  try {
    return parseJsonExactly(text) as JsonValue; // ours is readonly, protobuf's is not; it only reads it
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    return text; // `debug` needs no quotes
  }
}

/** A value for people: strings without quotes. */
export function valueText(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
