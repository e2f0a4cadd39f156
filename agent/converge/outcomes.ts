/** What became of an offer, on its three ways: into the record, as a receipt, and to whoever waits for it. */
import type { Offer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Outcome } from '../appliers/applier.ts';
import type { AppliedKind } from './decide.ts';
import { appliedKinds, offeredOf, servingOf, wireKindOf } from './offered.ts';
import type { ReceiptWriter } from './receipts.ts';
import type { ServingRecordFile } from './serving-record.ts';

/** Where outcomes go. */
export type OutcomesPorts = {
  readonly record: ServingRecordFile;
  readonly receipts: Pick<ReceiptWriter, 'done'>;
  /** Called once the outcome of a change of version is recorded and told. */
  readonly forgetUpgrade: () => Promise<void>;
  /** Told what became of each offer. */
  readonly settled: (offer: Offer, outcome: Outcome) => void;
};

/** Takes outcomes down. */
export class Outcomes {
  readonly #ports: OutcomesPorts;

  constructor(ports: OutcomesPorts) {
    this.#ports = ports;
  }

  /** Of an offer that was applied or refused. What only proves itself at the next start is answered then; see `started`. */
  async take(kind: AppliedKind, offer: Offer, outcome: Outcome): Promise<void> {
    const { receipts, forgetUpgrade, settled } = this.#ports;
    await this.#remember(kind, offer, outcome);
    if (awaitsStart(outcome)) return;
    receipts.done(offer, outcome);
    if (kind === 'runtime') await forgetUpgrade();
    settled(offer, outcome);
  }

  /** Only the revision is new, and for a runtime perhaps who pinned it. */
  async note(kind: AppliedKind, offer: Offer): Promise<void> {
    const outcome: Outcome = { state: 'applied', effect: 'none', downtimeMillis: 0 };
    await this.#remember(kind, offer, outcome);
    this.#ports.receipts.done(offer, outcome);
  }

  /** OpenClaw was seen ready with what had waited for a start. */
  async started(): Promise<void> {
    const { record, receipts } = this.#ports;
    for (const kind of appliedKinds) {
      const answered = record.current.unproven[kind];
      if (answered === undefined) continue;
      receipts.done({ ...answered, kind: wireKindOf(kind) }, { state: 'applied', effect: 'start', downtimeMillis: 0 });
    }
    await record.update({ unproven: {} });
  }

  async #remember(kind: AppliedKind, offer: Offer, outcome: Outcome): Promise<void> {
    const { record } = this.#ports;
    const { revision, digest, nonce } = offeredOf(offer);
    if (outcome.state === 'failed') {
      const under = kind === 'config' ? record.current.runtime?.digest : undefined;
      const refusal = { digest, nonce, ...(under && { under }) };
      return record.update({ refused: { ...record.current.refused, [kind]: refusal } });
    }
    const { [kind]: _forgiven, ...refused } = record.current.refused;
    const { [kind]: _proven, ...others } = record.current.unproven;
    const unproven = awaitsStart(outcome) ? { ...others, [kind]: { revision, digest, nonce } } : others;
    await record.update({ [kind]: servingOf(offer), refused, unproven });
  }
}

function awaitsStart(outcome: Outcome): boolean {
  return outcome.state === 'applied' && outcome.effect === 'start';
}
