/**
 * Which state this disk has: the one that is live in the bucket, or one that another machine has left behind.
 *
 *   no state here, or one that was being exchanged ─ bucket has snapshots ──▶ restore
 *   state here, written under epoch e ── head's epoch ≤ e ──▶ keep: it is the newest, the bucket follows it
 *                                    └── head's epoch > e ──▶ another machine wrote since ──▶ restore, ours is put aside
 *
 * What is decided is on the disk before it is done, so that a crash in between neither loses what only this disk has, nor
 * starts OpenClaw on a state that is half restored.
 */
import { readFileIfExists, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';

const schema = z.strictObject({
  format: z.literal(1),
  /** The vault the state belongs to. */
  vault: z.string().min(1),
  /** Epoch of the lease under which this disk's state was the live one. */
  epoch: z.int().positive(),
  /** A restore was decided on and is not known to be whole. */
  restoring: z.boolean(),
  /** What was here before is kept beside: whatever is in the state's place is half a restore, or a whole one that nobody knows of. */
  aside: z.boolean().default(false),
});

/** What this disk remembers of its state. */
export type Lineage = Readonly<z.infer<typeof schema>>;

/** Everything that the decision depends on. */
export type Situation = {
  /** What this disk remembers; undefined on one that remembers nothing. */
  readonly lineage: Lineage | undefined;
  readonly vault: string;
  /** The epoch that is held now. */
  readonly epoch: number;
  /** Whether there is a state on this disk. */
  readonly hasState: boolean;
  /** Epoch of the bucket's head before it was taken under ours, and whether there is a snapshot. */
  readonly head: { readonly epoch: number; readonly hasSnapshot: boolean } | undefined;
};

/** What to do with this disk's state. */
export type StateDecision = 'keep' | 'restore';

/** Decides. Throws when the state here belongs to another vault: one of the two would be overwritten by mistake. */
export function decideState({ lineage, vault, epoch, hasState, head }: Situation): StateDecision {
  if (lineage !== undefined && lineage.vault !== vault) throw anotherVault(lineage.vault, vault);
  if (head === undefined || !head.hasSnapshot) return 'keep';
  if (lineage?.epoch === epoch) return lineage.restoring || !hasState ? 'restore' : 'keep';
  if (!hasState || lineage === undefined || lineage.restoring) return 'restore';
  return head.epoch > lineage.epoch ? 'restore' : 'keep';
}

/** Reads what this disk remembers. Throws when it cannot be read: then nobody knows whose the state is. */
export async function readLineage(path: string): Promise<Lineage | undefined> {
  const text = await readFileIfExists(path);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new OpenCraneError('data_loss', 'lineage_damaged', `reading ${path}: ${messageOf(cause)}`, {
      cause,
      field: path,
      mend: 'if the bucket has all that this disk has, remove the file: the state comes from the bucket then',
    });
  }
}

/** Writes what this disk is to remember; what it remembers already takes no room, which a full disk does not have. */
export async function writeLineage(path: string, lineage: Omit<z.input<typeof schema>, 'format'>): Promise<void> {
  const text = `${JSON.stringify({ format: 1, ...lineage } satisfies z.input<typeof schema>)}\n`;
  if (text !== (await readFileIfExists(path))) await writeFileAtomically(path, text);
}

function anotherVault(here: string, there: string): OpenCraneError {
  const what = `this disk's state belongs to vault ${here}, the bucket holds vault ${there}`;
  return new OpenCraneError('failed_precondition', 'another_vault', what, {
    mend: 'give the tenant the bucket that its state belongs to, or an empty disk',
  });
}
