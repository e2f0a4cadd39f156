/** The files that agents read their tokens from, kept fresh. */
import type { Clock } from '@opencrane/kit/clock.ts';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { writeSmallFile } from '@opencrane/kit/small-file.ts';
import { AGENT_TOKEN_MILLIS } from '../identity/agent-tokens.ts';

/** Where tokens come from and go to. */
export type AgentTokenFilesParts = {
  issue(tenant: string): Promise<string>;
  file(tenant: string): string;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * How often ages are looked at. They are taken from the wall clock, because a timer stands still while a laptop sleeps,
 * and a token does not.
 */
const LOOK_MILLIS = 30_000;

/** A token is replaced at half its life. */
const FRESH_MILLIS = AGENT_TOKEN_MILLIS / 2;

/** The files. */
export class AgentTokenFiles implements Part {
  readonly name = 'agent tokens';
  readonly #parts: AgentTokenFilesParts;
  readonly #writtenAt = new Map<string, number>();
  readonly #abort = new AbortController();
  #looking: Promise<void> | undefined;

  constructor(parts: AgentTokenFilesParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#looking = this.#look();
  }

  async stop(): Promise<void> {
    this.#abort.abort('stopped');
    await this.#looking;
  }

  /** Writes a tenant's token now, and again before it expires. */
  async keep(tenant: string): Promise<void> {
    const { clock, file, issue } = this.#parts;
    const now = clock.now();
    await writeSmallFile(file(tenant), await issue(tenant));
    this.#writtenAt.set(tenant, now);
  }

  /** Writes it no more. */
  forget(tenant: string): void {
    this.#writtenAt.delete(tenant);
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#parts;
    while (!this.#abort.signal.aborted) {
      await clock.sleep(LOOK_MILLIS, this.#abort.signal).catch(() => {}); // stopped meanwhile
      if (this.#abort.signal.aborted) return;
      for (const [tenant, writtenAt] of this.#writtenAt) {
        if (clock.now() - writtenAt < FRESH_MILLIS) continue;
        await this.keep(tenant).catch((err: unknown) => log.error({ err, tenant }, 'writing an agent’s token failed'));
      }
    }
  }
}
