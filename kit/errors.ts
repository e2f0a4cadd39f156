/**
 * The one error type of OpenCrane: what went wrong, where, and how to mend it.
 * It is mapped once to Connect and gRPC (kit/grpc/status.ts) and once to exit codes (below).
 */

import { shortText } from './short-text.ts';
import { systemMeaning } from './system-error.ts';

/** Class of an error; the names are the gRPC status codes in lower case. */
export type ErrorCode =
  | 'cancelled'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data_loss'
  | 'unauthenticated';

/** What an error may carry besides its code, reason and message. */
export type ErrorDetails = {
  /** Path of the request field, configuration key or file the error is about. */
  readonly field?: string;
  /** What the reader can do about it, in one sentence. */
  readonly mend?: string;
  /** The error from below. */
  readonly cause?: unknown;
};

/** An error that a person or a program can act on. */
export class OpenCraneError extends Error {
  override readonly name = 'OpenCraneError';
  readonly code: ErrorCode;
  /** Stable identifier such as `tenant_not_found`; never reworded, unlike the message. */
  readonly reason: string;
  readonly field: string;
  readonly mend: string;

  constructor(code: ErrorCode, reason: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = reason;
    this.field = details.field ?? '';
    this.mend = details.mend ?? '';
  }
}

/**
 * Makes any thrown value an OpenCraneError that says what was being done. What the machine lacks (a full disk, a limit that is
 * reached) is told as that; anything unknown becomes `internal`.
 */
export function toOpenCraneError(thrown: unknown, doing: string): OpenCraneError {
  if (thrown instanceof OpenCraneError) return thrown;
  if (isAbort(thrown)) return new OpenCraneError('cancelled', 'cancelled', `${doing}: cancelled`, { cause: thrown });
  const meaning = systemMeaning(thrown);
  if (meaning !== undefined) {
    const { code, reason, what, mend } = meaning;
    return new OpenCraneError(code, reason, `${doing}: ${what} (${messageOf(thrown)})`, { cause: thrown, mend });
  }
  return new OpenCraneError('internal', 'internal', `${doing}: ${messageOf(thrown)}`, { cause: thrown });
}

/** What went wrong and how to mend it, for a place that has one line. */
export function inOneLine({ message, mend }: OpenCraneError): string {
  return mend === '' ? message : `${message}; ${mend}`;
}

/** Whether a thrown value only says that its AbortSignal fired. */
export function isAbort(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    (thrown.name === 'AbortError' || (thrown instanceof OpenCraneError && thrown.code === 'cancelled'))
  );
}

/** The `code` of a Node system error such as `ENOENT`; empty for anything else. */
export function systemCode(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
}

/** The longest path that a message tells whole. A tenant can make one of thousands of characters. */
const PATH_LENGTH = 256;

/** The message of a thrown value, whatever it is; a long path in a system error is shortened. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const paths = ['path', 'dest'].map((name) => Reflect.get(thrown, name)).filter((path) => typeof path === 'string');
  return paths.reduce(
    (message, path) => (path.length > PATH_LENGTH ? message.replaceAll(path, shortText(path, PATH_LENGTH)) : message),
    thrown.message,
  );
}

/** Exit codes of every OpenCrane program; documented in the CLI's help. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  conflict: 5,
  unavailable: 6,
  internal: 70, // EX_SOFTWARE of sysexits.h
  interrupted: 130, // 128 + SIGINT, as shells have it
} as const;

const exitByCode: Record<ErrorCode, number> = {
  cancelled: exitCodes.interrupted,
  invalid_argument: exitCodes.usage,
  deadline_exceeded: exitCodes.unavailable,
  not_found: exitCodes.notFound,
  already_exists: exitCodes.conflict,
  permission_denied: exitCodes.denied,
  resource_exhausted: exitCodes.unavailable,
  failed_precondition: exitCodes.conflict,
  aborted: exitCodes.conflict,
  unimplemented: exitCodes.failed,
  internal: exitCodes.internal,
  unavailable: exitCodes.unavailable,
  data_loss: exitCodes.failed,
  unauthenticated: exitCodes.denied,
};

/** The code of this name, for errors that come as text from another program; undefined when there is none. */
export function errorCodeNamed(name: string): ErrorCode | undefined {
  // The keys are the codes: the type above makes sure of it.
  return Object.hasOwn(exitByCode, name) ? (name as ErrorCode) : undefined;
}

/** The exit code of a program that ends with this error. */
export function exitCodeOf(error: OpenCraneError): number {
  return exitByCode[error.code];
}
