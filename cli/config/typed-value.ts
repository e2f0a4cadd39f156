/** A value as it is typed: JSON where it reads as JSON, else a string. */
import type { JsonValue } from '@bufbuild/protobuf';

/** The value. `asString` takes what was typed as it is. */
export function typedValue(text: string, asString: boolean): JsonValue {
  if (asString) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // `debug` needs no quotes
  }
}

/** A value for people: strings without quotes. */
export function valueText(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
