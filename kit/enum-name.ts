/** Names of protobuf enum values for people: `READY`, not `PHASE_READY` or `3`. */
import type { DescEnum } from '@bufbuild/protobuf';

/** The value's name without the enum's prefix; a number that the schema does not know is named by itself. */
export function enumName(schema: DescEnum, value: number): string {
  return schema.value[value]?.localName ?? String(value);
}
