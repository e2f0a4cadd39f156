/**
 * Pins: a read transaction on a database, held while its file is read.
 *
 * In WAL mode writers go on; only what needs all readers gone (a RESTART or TRUNCATE checkpoint) waits for as long as its
 * busy timeout says, which is why pins are short. In rollback mode a writer's commit waits.
 */
import { existsSync } from 'node:fs';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { walPath } from './files.ts';
import { PinProcess, pinLost } from './pin-process.ts';
import type { PinReply } from './pin-protocol.ts';

/** How long a pin is tried for while a writer excludes readers: a long commit in rollback mode, or recovery after a crash. */
const patienceMillis = 2_000;

const retryMillis = 25;

/**
 * How long the process is kept when nothing is pinned. A snapshot pins one database after the other; most snapshots pin none,
 * and the process takes half as much memory as the agent.
 */
const idleMillis = 5_000;

/** SQLite's primary result codes: https://sqlite.org/rescode.html */
const codes = { busy: 5, locked: 6, readOnly: 8, cannotOpen: 14, corrupt: 11, protocol: 15, notADatabase: 26 } as const;

/** A read transaction that is held. */
export interface Pin {
  /** `wal`, or a mode with a rollback journal. */
  readonly journal: string;
  /** Whether it was not let go of yet. */
  readonly held: boolean;
  /** Throws when it is not held any more, or was not all the time. */
  check(): Promise<void>;
  /** Lets go. Never throws; a second call does nothing. */
  release(): Promise<void>;
}

/** Takes pins. */
export class Pins {
  readonly #clock: Clock;
  readonly #process: PinProcess;
  #taken = 0;
  /** How many are held, or being taken. */
  #held = 0;
  /** Aborted when the process is needed again before it has rested long enough to end. */
  #resting = new AbortController();

  constructor(clock: Clock, process = new PinProcess()) {
    this.#clock = clock;
    this.#process = process;
  }

  /** Pins the database as it is now; undefined when SQLite says that the file is none. */
  async take(path: string, signal?: AbortSignal): Promise<Pin | undefined> {
    this.#taken += 1;
    this.#held += 1;
    this.#resting.abort();
    const pin = await this.#try(this.#taken, path, signal).catch((cause: unknown) => {
      this.#letGo();
      throw cause;
    });
    if (!pin) this.#letGo();
    return pin;
  }

  async #try(pin: number, path: string, signal: AbortSignal | undefined): Promise<Pin | undefined> {
    const deadline = this.#clock.monotonic() + patienceMillis;
    // Who opens a database without a WAL makes one; who may write takes it away again with the last connection. With a
    // WAL we are content to read: then it cannot be us who takes frames into the file at the end.
    let writable = !existsSync(walPath(path));
    for (;;) {
      const reply = await this.#process.ask({ do: 'take', pin, path, writable });
      if (reply.ok) return this.#pin(pin, reply.journal ?? '');
      const refusal = refusalOf(reply);
      if (refusal === 'no database') return undefined;
      if (refusal === 'needs to write' && !writable) writable = true;
      else if (refusal !== 'locked') throw unreadable(path, reply);
      else if (this.#clock.monotonic() >= deadline) throw locked(path, reply);
      else await this.#clock.sleep(retryMillis, signal);
    }
  }

  /** Lets go of everything. */
  async close(): Promise<void> {
    this.#resting.abort();
    await this.#process.close();
  }

  #pin(pin: number, journal: string): Pin {
    let held = true;
    return {
      journal,
      get held() {
        return held;
      },
      check: async () => {
        if (!held || !(await this.#process.ask({ do: 'check', pin })).ok) throw pinLost();
      },
      release: async () => {
        if (!held) return;
        held = false;
        await this.#process.ask({ do: 'release', pin }).catch(() => {}); // it ended: then it is let go of
        this.#letGo();
      },
    };
  }

  #letGo(): void {
    this.#held -= 1;
    if (this.#held > 0) return;
    this.#resting = new AbortController();
    this.#clock.sleep(idleMillis, this.#resting.signal).then(
      () => this.#process.close(),
      () => {}, // it is needed again
    );
  }
}

function refusalOf({ code = 0 }: PinReply): 'locked' | 'needs to write' | 'no database' | 'other' {
  switch (code & 0xff) {
    case codes.busy:
    case codes.locked:
    case codes.protocol:
      return 'locked';
    case codes.readOnly: // a journal to roll back, or a WAL to recover
    case codes.cannotOpen:
      return 'needs to write';
    case codes.corrupt: // nobody can write it through SQLite: a file like any other
    case codes.notADatabase:
      return 'no database';
    default:
      return 'other';
  }
}

function locked(path: string, { message }: PinReply): OpenCraneError {
  return new OpenCraneError(
    'unavailable',
    'database_locked',
    `reading ${path}: its writer lets nobody in (${message})`,
    {
      field: path,
      mend: 'nothing to do: it is tried again with the next snapshot',
    },
  );
}

function unreadable(path: string, { message }: PinReply): OpenCraneError {
  return new OpenCraneError(
    'failed_precondition',
    'database_unreadable',
    `reading ${path}: SQLite refuses it: ${message}`,
    {
      field: path,
      mend: 'see that the agent may read and write it and its folder; `PRAGMA integrity_check` tells whether it is whole',
    },
  );
}
