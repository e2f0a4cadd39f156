/** A loss as health tells of it. */
import type { LossSeen } from '../health/vault-component.ts';
import { manifestRef } from '../vault/format/object-ids.ts';
import { type LossWatch, lossInWords } from '../vault/loss/loss-watch.ts';

/** Undefined while the newest snapshot has lost nothing much. */
export function lossSeen(watch: LossWatch | undefined, tenant: string): LossSeen | undefined {
  if (!watch?.loss) return undefined;
  const { full, loss } = watch;
  const [last, best] = [manifestRef(loss.last)?.sequence ?? 0, manifestRef(full)?.sequence ?? 0];
  return { tenant, lost: lossInWords(loss), last, full: best };
}
