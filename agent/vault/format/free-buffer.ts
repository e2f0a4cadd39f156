/** Longer than this a buffer is its own memory. Node's pool, whose parts small buffers are, has 64 KiB (Node 24; 8 KiB before). */
const POOL_BYTES = Math.max(64 * 1024, Buffer.poolSize);

/**
 * Gives the memory of a large buffer back at once; it has no bytes any more. The collector counts on 64 MB of such garbage
 * before it runs, and then stops everything; a snapshot or restore of 2 GB makes 4,000 of them.
 */
export function freeBuffer({ buffer, byteLength }: Uint8Array | Uint32Array): void {
  if (byteLength > POOL_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
