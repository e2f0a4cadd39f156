/** What is written, piece by piece. */
import { orAborted } from './abort.ts';
import type { Body } from './bucket.ts';

/** The pieces of a body. Ends with the signal's reason when it fires, even while the source gives nothing. */
export async function* piecesOf(body: Body, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  if (body instanceof Uint8Array) {
    yield body;
    return;
  }
  const source = body[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await orAborted(source.next(), signal);
      ended = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a source that hangs would keep us.
    if (!ended) source.return?.().catch(() => undefined);
  }
}
