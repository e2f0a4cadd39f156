/** Maps with at most so many calls under way, in order of the result. The first failure is the answer, when all have ended. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  most: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  let failed = false;
  const work = async () => {
    for (const [at, item] of waiting) {
      if (failed) return;
      try {
        results[at] = await map(item);
      } catch (cause) {
        failed = true;
        throw cause;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(most, items.length) }, work));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return results;
}
