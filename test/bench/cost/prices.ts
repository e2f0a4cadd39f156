/**
 * What Google Cloud Storage bills: operations by class, and what is stored. Standard storage, a single region, flat namespace;
 * prices of us-central1 as of September 2026 (https://cloud.google.com/storage/pricing). Between a bucket and a pod of one
 * region bytes cost nothing.
 */

/** US dollars for an operation. Removing is free. */
const dollars = { A: 0.005 / 1_000, B: 0.0004 / 1_000, free: 0 } as const;

/** US dollars for a GiB and a month. */
const STORED = 0.02;

/** What a request is, and in which class it is billed. */
export type Operation = {
  readonly what: 'write' | 'list' | 'read' | 'look' | 'remove';
  readonly price: keyof typeof dollars;
};

/** The operation of a request as the proxy notes it: `GET /storage/v1/b/acme-jente/o?prefix=…`. */
export function operationOf(request: string): Operation {
  const [method = '', target = ''] = request.split(' ');
  const { pathname, searchParams } = new URL(target, 'http://localhost');
  if (method === 'POST' && pathname.startsWith('/upload/')) return { what: 'write', price: 'A' };
  if (method === 'DELETE') return { what: 'remove', price: 'free' };
  if (method === 'GET' && pathname.endsWith('/o')) return { what: 'list', price: 'A' };
  if (method === 'GET') return { what: searchParams.get('alt') === 'media' ? 'read' : 'look', price: 'B' };
  throw new Error(`nobody knows what ${request} costs`);
}

/** What operations cost together, in US dollars. */
export function costOf(operations: readonly Operation[]): number {
  return operations.reduce((sum, { price }) => sum + dollars[price], 0);
}

/** What it costs to have bytes stored for a month, in US dollars. */
export function monthlyCost(bytes: number): number {
  return (bytes / 1024 ** 3) * STORED;
}
