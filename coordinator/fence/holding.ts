/** What the coordinator is asked about: a writing of a tenant's lease, which stands for all before it (docs/fence.md). */
export type Holding = { readonly epoch: number; readonly serial: number };

/** Whether one came after the other. */
export function isLater(one: Holding, other: Holding): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.serial > other.serial);
}
