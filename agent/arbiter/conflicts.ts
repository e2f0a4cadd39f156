/**
 * Who may work on a tenant's state, and on its snapshots, at the same time, as a pure function of two parties: the one that
 * is there and the one that comes.
 *
 *   together     neither disturbs the other
 *   waits        the one that comes waits until the other has ended
 *   interrupts   the same, and the one that is there is asked to break off and begin again later
 *   refused      the one that comes is told no: to wait would do what nobody wants any more, or never end
 *
 * Key rotation, recovery, and pruning without a coordinator take the tenant's lease, which no agent holds then: they are
 * excluded from all of this by the fence.
 */

/** What an agent does, and takes a turn for. */
export const uses = ['restore', 'exchange', 'start', 'snapshot', 'prune', 'remove', 'read'] as const;

/**
 * - `restore`: an order to restore in place, from its first file beside the state until the last one is cleared away
 * - `exchange`: the state's folder is being replaced; OpenClaw is down
 * - `start`: OpenClaw was told to start, or is about to be, and is not ready; it migrates its databases
 * - `snapshot`: the state is read for a snapshot
 * - `prune`: it is decided what the retention keeps, and the rest is removed
 * - `remove`: of that, the removing
 * - `read`: snapshots are read back: verified, compared, exported, restored
 */
export type Use = (typeof uses)[number];

/** What takes no turn but is seen. */
export const sights = ['starting', 'upgrade', 'doubt'] as const;

/**
 * - `starting`: an OpenClaw that was not seen ready runs, or may: the launcher starts one that crashed by itself
 * - `upgrade`: the version is being changed
 * - `doubt`: an exchange of the state was begun and is not known to be whole. While it is under way it is waited for instead
 */
export type Sight = (typeof sights)[number];

/** Anyone who counts. */
export type Party = Use | Sight;

/** What becomes of the one that comes. */
export type Conduct = 'together' | 'waits' | 'interrupts' | 'refused';

type Conflict = {
  readonly held: Party;
  readonly comes: Party;
  readonly conduct: Exclude<Conduct, 'together'>;
};

/** Every pair that does not go together, and why. */
const conflicts: readonly Conflict[] = [
  // Which of two restores is to be live in the end? Whoever asked for the second one decides that when the first has ended.
  { held: 'restore', comes: 'restore', conduct: 'refused' },
  // A failed upgrade puts the state of before back: what was restored meanwhile would be gone.
  { held: 'upgrade', comes: 'restore', conduct: 'waits' },
  { held: 'exchange', comes: 'exchange', conduct: 'waits' },
  { held: 'exchange', comes: 'start', conduct: 'waits' },
  { held: 'exchange', comes: 'snapshot', conduct: 'waits' },
  // It is not settled yet what must stay.
  { held: 'exchange', comes: 'prune', conduct: 'waits' },
  { held: 'upgrade', comes: 'prune', conduct: 'waits' },
  { held: 'start', comes: 'exchange', conduct: 'waits' },
  { held: 'start', comes: 'start', conduct: 'waits' },
  // OpenClaw asks for its databases alone while it starts, and gives up with exit code 78 (undisturbed.ts).
  { held: 'start', comes: 'snapshot', conduct: 'waits' },
  { held: 'starting', comes: 'snapshot', conduct: 'waits' },
  { held: 'snapshot', comes: 'start', conduct: 'interrupts' },
  { held: 'snapshot', comes: 'starting', conduct: 'interrupts' },
  { held: 'snapshot', comes: 'exchange', conduct: 'interrupts' },
  // What a reader has chosen must not go in the middle.
  { held: 'read', comes: 'remove', conduct: 'waits' },
  { held: 'remove', comes: 'read', conduct: 'waits' },
  { held: 'remove', comes: 'remove', conduct: 'waits' },
  { held: 'prune', comes: 'prune', conduct: 'waits' },
  // Nothing begins on a state of which nobody knows whose it is. An exchange is what ends the doubt.
  { held: 'doubt', comes: 'start', conduct: 'refused' },
  { held: 'doubt', comes: 'snapshot', conduct: 'refused' },
  { held: 'doubt', comes: 'restore', conduct: 'refused' },
];

const table = new Map(conflicts.map(({ held, comes, conduct }) => [`${held} ${comes}`, conduct]));

/** What becomes of one that comes while the other is there. */
export function conductOf(held: Party, comes: Party): Conduct {
  return table.get(`${held} ${comes}`) ?? 'together';
}

/** Which of those that are there are in the way of one that comes. */
export function inTheWay<There extends { readonly party: Party }>(there: readonly There[], comes: Use): There[] {
  const isExchanging = there.some(({ party }) => party === 'exchange');
  return there.filter(({ party }) => conductOf(party, comes) !== 'together' && !(party === 'doubt' && isExchanging));
}
