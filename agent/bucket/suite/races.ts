/** Single winners. */
import assert from 'node:assert/strict';
import { name, type On, text, written } from './stage.ts';

/** How many race. */
const WRITERS = 20;

/** Many at once. */
export function races(on: On): void {
  on(`of ${WRITERS} who create at once, one wins, and its content is there`, async (_, another) => {
    const results = await Promise.all(
      Array.from({ length: WRITERS }, async (_, i) => another().create(name('vault/lease'), text(`writer ${i}`))),
    );
    const winners = results.flatMap((result, i) => (result === 'exists' ? [] : [{ result, i }]));
    assert.equal(winners.length, 1, `${winners.length} winners`);
    const [winner] = winners;
    const read = await another().read(name('vault/lease'));
    assert.deepEqual(read, { bytes: Buffer.from(`writer ${winner?.i}`), generation: winner?.result });
  });

  on(`of ${WRITERS} who replace at once, one wins, round after round`, async (bucket, another) => {
    let generation = await written(bucket, 'vault/head', text('start'));
    for (let round = 0; round < 3; round += 1) {
      const known = generation;
      const results = await Promise.all(
        Array.from({ length: WRITERS }, async (_, i) =>
          another().replace(name('vault/head'), text(`${round}: writer ${i}`), known),
        ),
      );
      const winners = results.flatMap((result, i) => (result === 'conflict' ? [] : [{ result, i }]));
      assert.equal(winners.length, 1, `${winners.length} winners in round ${round}`);
      generation = winners[0]?.result ?? known;
      const read = await bucket.read(name('vault/head'));
      assert.deepEqual(read, { bytes: Buffer.from(`${round}: writer ${winners[0]?.i}`), generation });
    }
  });
}
