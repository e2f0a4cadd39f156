/** How a command ends: what it prints and its exit code. */
export type Answer = { readonly code: number; readonly output?: string; readonly complaint?: string };

/** Prints JSON as OpenClaw does. */
export function asJson(value: object, code = 0): Answer {
  return { code, output: `${JSON.stringify(value, null, 2)}\n` };
}
