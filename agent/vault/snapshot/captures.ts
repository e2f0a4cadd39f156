/** The captures of one snapshot: each is released once, when it is known whether they are stored. */
import type { CapturedDatabase, DatabaseCapture, DatabasePosition } from './database-source.ts';

/** The captures that are held. */
export class Captures {
  readonly #capture: DatabaseCapture;
  readonly #held = new Map<string, CapturedDatabase>();

  constructor(capture: DatabaseCapture) {
    this.#capture = capture;
  }

  /** Captures the database at a full path; undefined when there is none any more. */
  async take(
    path: string,
    since: DatabasePosition | undefined,
    signal: AbortSignal,
  ): Promise<CapturedDatabase | undefined> {
    const captured = await this.#capture.capture(path, since, signal);
    if (captured) this.#held.set(path, captured);
    else await this.#capture.forget(path);
    return captured;
  }

  /** Releases one whose content could not be read, as not stored. */
  async giveUp(path: string): Promise<void> {
    const captured = this.#held.get(path);
    this.#held.delete(path);
    await captured?.release(false);
  }

  /** Lets go of what is held for a database that is gone. */
  async forget(path: string): Promise<void> {
    await this.#capture.forget(path);
  }

  /** Releases all. */
  async release(stored: boolean): Promise<void> {
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const captured of held) await captured.release(stored);
  }
}
