/**
 * Archives on their way from agents to those who asked for them, by command id.
 *
 *   awaited ──the agent calls──▶ coming ──its last piece is taken──▶ whole
 *      └───────────────────────────┴── order failed, a side went away ──▶ broken
 *
 * A slow reader slows the agent down, and nothing piles up here.
 */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { CommandResult } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { ArchivePipe } from './archive-pipe.ts';

/** What is to be received. */
export type AwaitedArchive = {
  readonly tenant: string;
  readonly commandId: string;
  /** Orders it of the agent; resolves with the agent's result when everything was sent. */
  readonly order: (signal: AbortSignal) => Promise<CommandResult>;
};

type Awaited = { readonly tenant: string; readonly pipe: ArchivePipe; claimed: boolean };

/** The archives that are awaited or coming. */
export class Archives {
  readonly #awaited = new Map<string, Awaited>();

  /**
   * Orders an archive and gives its pieces as they come, then returns the agent's result. Throws what the agent says, or
   * that it went away. When the signal fires, or the reader stops reading, the agent's call is ended.
   */
  async *receive(
    { tenant, commandId, order }: AwaitedArchive,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, CommandResult> {
    const pipe = new ArchivePipe();
    this.#awaited.set(commandId, { tenant, pipe, claimed: false });
    const over = new AbortController();
    const done = order(AbortSignal.any([signal, over.signal]));
    // Driven by the order, not by the reader: one that stands still is not asked when it goes away.
    const ended = done.then(
      () => pipe.break(notSent(tenant)),
      (cause) => pipe.break(cause),
    );
    try {
      yield* pipe.pieces();
      return await done;
    } catch (cut) {
      await done; // the agent's own words, where it has any, say more than a broken call
      throw cut;
    } finally {
      this.#awaited.delete(commandId);
      over.abort();
      await ended;
    }
  }

  /** The pipe that an archive is put into, for the one call that sends it. */
  claim(commandId: string, tenant: string): ArchivePipe {
    const awaited = this.#awaited.get(commandId);
    if (awaited === undefined) throw notAwaited(commandId);
    if (awaited.tenant !== tenant) throw ofAnother(commandId, tenant);
    if (awaited.claimed) throw sentTwice(commandId);
    awaited.claimed = true;
    return awaited.pipe;
  }
}

function notSent(tenant: string): OpenCraneError {
  const what = `the agent of ${tenant} says that it has sent the archive, and it has not come whole`;
  return new OpenCraneError('data_loss', 'archive_not_sent', what, { mend: 'ask for it again' });
}

function notAwaited(commandId: string): OpenCraneError {
  const what = `nobody waits for an archive of command ${commandId}`;
  return new OpenCraneError('not_found', 'archive_not_awaited', what, {
    field: 'command_id',
    mend: 'send one only while its command is under way',
  });
}

function ofAnother(commandId: string, tenant: string): OpenCraneError {
  const what = `the token is ${tenant}'s, and command ${commandId} is not`;
  return new OpenCraneError('permission_denied', 'tenant_mismatch', what, {
    field: 'command_id',
    mend: 'send with the token of the tenant that was ordered to',
  });
}

function sentTwice(commandId: string): OpenCraneError {
  return new OpenCraneError('already_exists', 'archive_sent_twice', `the archive of command ${commandId} is coming`, {
    field: 'command_id',
    mend: 'an archive is sent in one call; one that broke is ordered anew',
  });
}
