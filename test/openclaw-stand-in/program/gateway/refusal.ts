/** What a request is refused with: the error of a response frame. */

/** The error as it goes over the wire. */
export type WireError = {
  readonly code: 'INVALID_REQUEST' | 'UNAVAILABLE';
  readonly message: string;
  readonly details?: object;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
};

/** Thrown by a method that refuses. */
export class Refusal extends Error {
  readonly wire: WireError;

  constructor(wire: WireError) {
    super(wire.message);
    this.wire = wire;
  }
}

/** The request itself is wrong. */
export function invalid(message: string, details?: object): Refusal {
  return new Refusal({ code: 'INVALID_REQUEST', message, ...(details && { details }) });
}

/** Not now. */
export function unavailable(message: string, more: Omit<WireError, 'code' | 'message'> = {}): Refusal {
  return new Refusal({ code: 'UNAVAILABLE', message, ...more });
}

/** A parameter that must be there and be text. */
export function textParameter(method: string, parameters: Readonly<Record<string, unknown>>, name: string): string {
  const value = parameters[name];
  if (typeof value === 'string') return value;
  if (value === undefined) throw invalid(`invalid ${method} params: must have required property '${name}'`);
  throw invalid(`invalid ${method} params: at /${name}: must be string`);
}
