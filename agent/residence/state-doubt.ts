/**
 * Whether it is known whose state is on this disk. While the state is exchanged it is not: then an agent that starts brings the
 * newest snapshot back (lineage.ts), and this one neither starts OpenClaw nor takes a snapshot (arbiter/conflicts.ts).
 */
export class StateDoubt {
  readonly #write: (restoring: boolean) => Promise<void>;
  #is = false;

  /** `write` keeps it on the disk. */
  constructor(write: (restoring: boolean) => Promise<void>) {
    this.#write = write;
  }

  get is(): boolean {
    return this.#is;
  }

  /** Doubt begins before it is on the disk, and ends after it is gone from there. */
  async set(is: boolean): Promise<void> {
    if (is) this.#is = true;
    await this.#write(is);
    this.#is = is;
  }
}
