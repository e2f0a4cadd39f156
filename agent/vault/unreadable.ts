/** Which errors are about an object itself. A bucket that is away, or a denied request, proves nothing of what lies in it. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';

/** For `catch`: undefined for an object that cannot be read, whatever the reason; everything else is thrown again. */
export function unlessUnreadable(cause: unknown): undefined {
  const isOfObject =
    cause instanceof OpenCraneError &&
    (cause.code === 'data_loss' || ['data_key_unknown', 'vault_newer_format'].includes(cause.reason));
  if (!isOfObject) throw cause;
}

/** For `catch`: the error, when it says that an object is damaged or missing; everything else is thrown again. */
export function onlyDamage(cause: unknown): OpenCraneError {
  if (cause instanceof OpenCraneError && cause.code === 'data_loss') return cause;
  throw cause;
}
