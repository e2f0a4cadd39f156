/**
 * Where changes were heard of that are in no snapshot yet:
 *
 *   nowhere ──a change in a folder──▶ these folders ──no telling where, or so much that some was missed──▶ anywhere
 *      ▲                                  │   ▲                                                              │
 *      └───────────── taken ◀─────────────┴───┴───────────── given back, when the snapshot failed ◀──────────┘
 */

/** Folders relative to the state, which is the empty path. Undefined: a change may be anywhere. */
export type Where = ReadonlySet<string> | undefined;

/**
 * The kernel holds 16,384 events (fs.inotify.max_queued_events), drops what comes then, and Node does not tell. Of a queue
 * that was full we hear this many at least, even when a snapshot begins in the middle of it.
 */
const EVENTS_THAT_MAY_HIDE_OTHERS = 4_096;

/** Collects. At first a change may be anywhere: nobody listened before. */
export class HeardFolders {
  #where: Set<string> | undefined;
  #events = 0;

  /** The kernel told of something, whether or not it matters. */
  event(): void {
    this.#events += 1;
    if (this.#events >= EVENTS_THAT_MAY_HIDE_OTHERS) this.#where = undefined;
  }

  /** Something changed in a folder; undefined: somewhere. */
  add(folder: string | undefined): void {
    if (folder === undefined) this.#where = undefined;
    else this.#where?.add(folder);
  }

  /** What was collected, for a snapshot that begins now. It begins to collect anew. */
  take(): Where {
    const where = this.#where;
    this.#where = new Set();
    this.#events = 0;
    return where;
  }

  /** What a snapshot took that was not stored. */
  giveBack(where: Where): void {
    if (where === undefined) this.#where = undefined;
    else for (const folder of where) this.#where?.add(folder);
  }
}
