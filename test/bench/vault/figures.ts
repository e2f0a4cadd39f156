/** What was measured, as ratios beside the others, and the goals. */
import type { Measured } from './measured.ts';

/** One measure of one contender. */
export type Figure = Measured & { readonly tree: string; readonly what: string; readonly who: string };

type Stored = { readonly tree: string; readonly what: string; readonly who: string; readonly storedBytes: number };
type Goal = { readonly what: string; readonly got: number; readonly most: number };

/** What is done by all. */
const compared = ['first snapshot', '1 % changed', 'restore', 'verify'];
/** How much longer the best of the others takes for a small change. */
const SMALL_CHANGE = 5;
/** All that an agent may have in memory while it works for its vault. */
const MOST_BYTES = 200 * 1024 ** 2;
const OURS = 'OpenCrane';

/** Gathers figures. */
export class Figures {
  readonly all: (Figure | Stored | Goal)[] = [];
  readonly #print: (line: string) => void;
  readonly #figures: Figure[] = [];
  readonly #stored: Stored[] = [];
  readonly #goals: Goal[] = [];

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  note(figure: Figure): void {
    const { tree, what, who, seconds, cpuSeconds, peakBytes } = figure;
    this.#figures.push(figure);
    this.#print(
      `${tree.padEnd(12)} ${what.padEnd(28)} ${who.padEnd(11)} ${seconds.toFixed(2).padStart(7)} s ${cpuSeconds.toFixed(2).padStart(7)} s of processor ${mib(peakBytes).padStart(5)} MiB`,
    );
  }

  stored(tree: string, what: string, who: string, storedBytes: number): void {
    this.#stored.push({ tree, what, who, storedBytes });
    this.#print(
      `${tree.padEnd(12)} ${`stored after ${what}`.padEnd(28)} ${who.padEnd(11)} ${mib(storedBytes).padStart(7)} MiB`,
    );
  }

  goal(what: string, got: number, most: number): void {
    this.#goals.push({ what, got, most });
  }

  /** Prints the ratios and the goals; whether all are met. */
  report(): boolean {
    for (const tree of new Set(this.#figures.map((figure) => figure.tree))) {
      for (const what of compared) this.#compare(tree, what);
      const peaks = this.#figures.filter((figure) => figure.tree === tree && figure.who === OURS);
      const most = Math.max(...peaks.map(({ peakBytes }) => peakBytes));
      this.goal(`${tree}: MiB resident, agent and pin process`, most / 1024 ** 2, MOST_BYTES / 1024 ** 2);
    }
    this.all.push(...this.#figures, ...this.#stored, ...this.#goals);
    for (const { what, got, most } of this.#goals)
      this.#print(`${got <= most ? 'ok  ' : 'MISS'} ${what}: ${got.toFixed(2)} (goal ≤ ${most})`);
    return this.#goals.every(({ got, most }) => got <= most);
  }

  #compare(tree: string, what: string): void {
    const figures = this.#figures.filter((figure) => figure.tree === tree && figure.what === what);
    const middle = [...Map.groupBy(figures, ({ who }) => who).values()].map(middleOf);
    const ours = middle.find(({ who }) => who === OURS);
    const others = middle.filter(({ who }) => who !== OURS);
    if (!ours || others.length === 0) return;
    const best = Math.min(...others.map(({ seconds }) => seconds));
    const most = what === '1 % changed' ? 1 / SMALL_CHANGE : 1;
    this.goal(`${tree}: ${what}, times the best of the others`, ours.seconds / best, most);
    for (const { who, seconds, cpuSeconds, peakBytes } of others) {
      const [time, processor, memory] = [
        seconds / ours.seconds,
        cpuSeconds / ours.cpuSeconds,
        peakBytes / ours.peakBytes,
      ];
      this.#print(
        `${tree}: ${what}: ${who} takes ${time.toFixed(2)} times our time, ${processor.toFixed(2)} times our processor, ${memory.toFixed(2)} times our memory`,
      );
    }
    this.#compareStored(tree, what);
  }

  #compareStored(tree: string, what: string): void {
    const stored = this.#stored.filter((one) => one.tree === tree && one.what === what);
    const ours = stored.find(({ who }) => who === OURS);
    if (!ours) return;
    for (const { who, storedBytes } of stored) {
      if (who === OURS) continue;
      this.#print(`${tree}: ${what}: ${who} stores ${(storedBytes / ours.storedBytes).toFixed(2)} times what we do`);
    }
  }
}

function middleOf(figures: readonly Figure[]): Figure {
  const middle = figures.toSorted((a, b) => a.seconds - b.seconds)[Math.floor(figures.length / 2)];
  if (!middle) throw new Error('there is no figure');
  return middle;
}

function mib(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(0);
}
