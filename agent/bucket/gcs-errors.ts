/** What a refusal of the GCS API means. */
import { type ErrorCode, OpenCraneError } from '@opencrane/kit/errors.ts';

type Meaning = { readonly code: ErrorCode; readonly reason: string; readonly mend: string };

/** The error for a reply that is none of those the caller knows what to do with. `text` is the reply's body. */
export function statusError(doing: string, bucket: string, status: number, text: string): OpenCraneError {
  const { code, reason, mend } = meaningOf(status, text, bucket);
  return new OpenCraneError(code, reason, `${doing}: GCS answered ${status}${explanation(text)}`, { mend });
}

/** https://cloud.google.com/storage/docs/json_api/v1/status-codes */
function meaningOf(status: number, text: string, bucket: string): Meaning {
  // 403 also says that the project is over a rate, which passes.
  if (status === 408 || status === 429 || status >= 500 || /rateLimitExceeded/i.test(text)) {
    return { code: 'unavailable', reason: 'bucket_unavailable', mend: 'GCS is busy or away; it is tried again' };
  }
  if (status === 401 || status === 403) {
    return {
      code: 'permission_denied',
      reason: 'bucket_access_denied',
      mend: `give the account that the agent runs as roles/storage.objectUser on gs://${bucket}; a new grant may take minutes`,
    };
  }
  if (status === 404) {
    return {
      code: 'not_found',
      reason: 'bucket_missing',
      mend: `make the bucket gs://${bucket}, or correct its name`,
    };
  }
  return {
    code: 'internal',
    reason: 'bucket_reply',
    mend: 'check that the address is a GCS API; if it is, this is a defect',
  };
}

/** The message of an error in JSON; other replies may be pages of HTML. */
function explanation(text: string): string {
  const message = /"message":\s*"((?:[^"\\]|\\.){1,200})/.exec(text)?.[1];
  return message === undefined ? '' : `: ${message}`;
}
