/** Chance that can be repeated. For tests. */
import { randomInt } from 'node:crypto';

/** The seed of this run: OPENCRANE_TEST_SEED, or one by chance. A test that uses it prints it. */
export function testSeed(environment: NodeJS.ProcessEnv = process.env): number {
  const given = environment['OPENCRANE_TEST_SEED'];
  return given === undefined ? randomInt(2 ** 31) : Number(given);
}

/** Numbers in [0, 1), the same for the same seed: mulberry32, which is in the public domain. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
