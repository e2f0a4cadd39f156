import type { Outage } from '../fence/fence.ts';
import type { OutageSeen } from '../health/vault-component.ts';

/** An outage as a person is told of it: in moments of the wall clock. `newestAt` is the newest snapshot's time. */
export function outageSeen(
  outage: Outage | undefined,
  newestAt: number | undefined,
  now: number,
): OutageSeen | undefined {
  if (outage === undefined) return undefined;
  return {
    sinceAt: now - outage.lastedMillis,
    untilAt: now + outage.leftMillis,
    newestAgeMillis: newestAt === undefined ? undefined : Math.max(0, now - newestAt), // one of the two clocks may be wrong
  };
}
