/**
 * The coordinator's word on who has a tenant, beside the bucket's (docs/fence.md).
 *
 *   standing ──Vouch──▶ yes                       ──GrantTakeOver──▶ given up, in the database ──▶ yes
 *   given up ──Vouch──▶ no, for ever
 *
 * That is all that safety rests on, and it takes no clock and no memory of who was vouched for. What is remembered is a
 * courtesy: a holder that is vouched for lives, so nobody is granted its tenant; and who asks for an older writing than
 * another did is not vouched for, so that it looks at the bucket: it may run on a copy of the other's disk.
 *
 * Both are answered only about a lease that names this database: another one knows nothing of what this one gave up.
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Store } from '../store/store.ts';
import type { GivenUpHoldings } from './given-up.ts';
import { type Holding, isLater } from './holding.ts';

/** What it takes. */
export type CoordinatorWitnessParts = {
  readonly store: Store;
  readonly givenUp: GivenUpHoldings;
  readonly events: EventLog;
  /** Of the database (given-up.ts). */
  readonly id: string;
  /** Throws `not_found` for a tenant that does not exist. */
  readonly directory: { get(tenant: string): unknown };
  readonly clock: Clock;
};

/** A holding, and who vouches for it. */
type NamedHolding = Holding & { readonly witness: string };

/** Of a vouch: when an OpenClaw that is not vouched for again is dead (agent/fence/terms.ts). */
const DEADLINE_SHARE = 0.75;

/** The witness. */
export class CoordinatorWitness {
  readonly #parts: CoordinatorWitnessParts;
  /** By tenant: the newest holding that was vouched for, and until when its OpenClaw may run. */
  readonly #vouched = new Map<string, Holding & { readonly until: number }>();

  constructor(parts: CoordinatorWitnessParts) {
    this.#parts = parts;
  }

  /** Whether the tenant's holder may serve on for so long. Throws `not_found`, and `witness_another`. */
  async vouch(tenant: string, holding: NamedHolding, vouchMillis: number): Promise<boolean> {
    const { givenUp, clock } = this.#parts;
    this.#check(tenant, holding);
    if (!(await givenUp.isStanding(tenant, holding))) return false;
    const before = this.#vouched.get(tenant);
    if (before !== undefined && isLater(before, holding)) return false;
    const { epoch, serial } = holding;
    this.#vouched.set(tenant, { epoch, serial, until: clock.monotonic() + vouchMillis * DEADLINE_SHARE });
    return true;
  }

  /** Gives a holding up: when it says yes it is in the database. No while its holder is vouched for. Throws like `vouch`. */
  async grant(tenant: string, holding: NamedHolding): Promise<boolean> {
    const { store, givenUp, events } = this.#parts;
    this.#check(tenant, holding);
    if (this.#isVouchedFor(tenant, holding)) return false;
    const { epoch, serial } = holding;
    await store.transaction(async (change) => {
      if (!(await givenUp.giveUp(change, tenant, holding))) return;
      const message = `the holder of epoch ${epoch} (writing ${serial} of the lease) was given up; another machine takes over`;
      await events.record(change, { tenant, reason: 'TakeOverGranted', message });
    });
    return true;
  }

  #check(tenant: string, { witness }: NamedHolding): void {
    const { directory, id } = this.#parts;
    directory.get(tenant);
    if (witness === id) return;
    const what = `the lease of ${tenant} names another coordinator (${witness}) than this one (${id})`;
    throw new OpenCraneError('failed_precondition', 'witness_another', what, {
      field: 'holding.witness',
      mend: 'ask that one, or wait: without a word of it the tenant is free when the time for outages is over',
    });
  }

  #isVouchedFor(tenant: string, { epoch }: Holding): boolean {
    const vouched = this.#vouched.get(tenant);
    if (vouched === undefined) return false;
    return this.#parts.clock.monotonic() < vouched.until && vouched.epoch >= epoch;
  }
}
