/** Values as they are typed and shown. */
import type { JsonValue } from '@bufbuild/protobuf';

/** A typed value: JSON when it reads as JSON, else the text itself; with `asString` always the text. */
export function readValue(text: string, asString: boolean): JsonValue {
  if (asString) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // `debug` means "debug"
  }
}

/** A value on one line; a text without quotes. */
export function showValue(value: JsonValue | undefined): string {
  if (value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
