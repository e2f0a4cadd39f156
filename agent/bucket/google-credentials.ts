/** Who the agent is for Google: Workload Identity in a cluster, Application Default Credentials anywhere else. */
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';

/** Gives the headers that say who asks, for a call to this address. */
export type Authorize = (url: URL) => Promise<Readonly<Record<string, string>>>;

/** To read and write objects, and nothing else (https://cloud.google.com/storage/docs/oauth-scopes). */
const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';

/** What the library says when it found no credentials, or none that it can read. */
const NONE = /default credentials|credential file/i;

/** Nobody: for a server that asks for no credentials, such as a stand-in. */
export const anonymous: Authorize = async () => ({});

/** The credentials of this process. Tokens are kept, and renewed before they end, by the library. */
export function googleCredentials(): Authorize {
  let library: Promise<{ getRequestHeaders(url: string): Promise<Headers> }> | undefined;
  return async (url) => {
    try {
      library ??= load();
      const headers = await (await library).getRequestHeaders(url.href);
      return Object.fromEntries(headers);
    } catch (cause) {
      library = undefined; // it remembers that there were none
      throw refused(cause);
    }
  };
}

/** Loaded when it is needed: it takes 25 MB of memory, and an agent on a laptop never asks. */
async function load(): Promise<{ getRequestHeaders(url: string): Promise<Headers> }> {
  const { GoogleAuth } = await import('google-auth-library');
  return new GoogleAuth({ scopes: SCOPE });
}

function refused(cause: unknown): OpenCraneError {
  const doing = 'asking Google who this agent is';
  if (NONE.test(messageOf(cause)) || isRefusal(cause)) {
    return new OpenCraneError('unauthenticated', 'google_credentials_missing', `${doing}: ${messageOf(cause)}`, {
      mend: 'in a cluster give the pod’s service account Workload Identity; elsewhere run `gcloud auth application-default login`',
      cause,
    });
  }
  return new OpenCraneError('unavailable', 'google_credentials', `${doing}: ${messageOf(cause)}`, {
    mend: 'check that the metadata server or Google’s token service can be reached; it is tried again',
    cause,
  });
}

/** Whether the token service answered, and said no: a token was withdrawn, an account is gone or never was. */
function isRefusal(thrown: unknown): boolean {
  const status = thrown instanceof Error && 'status' in thrown ? Number(thrown.status) : 0;
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
