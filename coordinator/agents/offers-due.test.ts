import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type Digest, digestOf } from '@opencrane/kit/digest.ts';
import { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import { ConnectResponseSchema, KindStateSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind, type Receipt, ReceiptSchema, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import fc from 'fast-check';
import type { PreparedOffer } from '../offers/offer.ts';
import { type AgentView, afterFullState, afterReceipt, afterSent, offersDue, viewOf } from './offers-due.ts';

const message = Encoded.from(ConnectResponseSchema, create(ConnectResponseSchema));
const [A, B] = [digestOf('A'), digestOf('B')];

function offer(revision: bigint, digest = A, nonce = 'n', kind: Kind = Kind.CONFIG): PreparedOffer {
  return { kind, revision, digest, nonce, message };
}

function view(state: Parameters<typeof create<typeof KindStateSchema>>[1] = {}): AgentView {
  return viewOf([Kind.CONFIG], [create(KindStateSchema, { kind: Kind.CONFIG, ...state })]);
}

function receipt(state: ReceiptState, about: PreparedOffer, serving?: PreparedOffer): Receipt {
  const { kind, revision, digest, nonce } = about;
  const after = serving && { servingRevision: serving.revision, servingDigest: serving.digest };
  return create(ReceiptSchema, { kind, revision, digest, nonce, state, ...after });
}

const servesA1 = { servingRevision: 1n, servingDigest: A };

const cases: readonly { reason: string; view: AgentView; desired: readonly PreparedOffer[]; due: readonly bigint[] }[] =
  [
    {
      reason: 'an agent that serves nothing is offered what is desired',
      view: view(),
      desired: [offer(1n)],
      due: [1n],
    },
    { reason: 'without desired state there is nothing to offer', view: view(), desired: [], due: [] },
    { reason: 'what serves is not offered', view: view(servesA1), desired: [offer(1n)], due: [] },
    { reason: 'another digest is offered', view: view(servesA1), desired: [offer(2n, B)], due: [2n] },
    {
      reason: 'the same digest under a new revision is offered, or the agent would not learn the revision and the pin',
      view: view(servesA1),
      desired: [offer(2n, A)],
      due: [2n],
    },
    {
      reason: 'what failed is not offered again, or a bad config would be tried for ever',
      view: view({ ...servesA1, failedDigest: B, failedNonce: 'n' }),
      desired: [offer(2n, B, 'n')],
      due: [],
    },
    {
      reason: 'what failed is offered again under a new nonce: somebody ordered another try',
      view: view({ ...servesA1, failedDigest: B, failedNonce: 'n' }),
      desired: [offer(2n, B, 'other')],
      due: [2n],
    },
    {
      reason: 'what was sent on this stream is not sent twice',
      view: afterSent(view(servesA1), offer(2n, B)),
      desired: [offer(2n, B)],
      due: [],
    },
    {
      reason: 'going back to what serves is offered, for something else was sent meanwhile',
      view: afterSent(view(servesA1), offer(2n, B)),
      desired: [offer(3n, A)],
      due: [3n],
    },
    {
      reason: 'a kind that the hello does not name is not offered',
      view: viewOf([Kind.RUNTIME], []),
      desired: [offer(1n)],
      due: [],
    },
    {
      reason: 'a receipt moves what serves',
      view: afterReceipt(view(servesA1), receipt(ReceiptState.APPLIED, offer(2n, B), offer(2n, B))),
      desired: [offer(2n, B)],
      due: [],
    },
    {
      reason: 'a failure is remembered, and what serves stays',
      view: afterReceipt(view(servesA1), receipt(ReceiptState.FAILED, offer(2n, B), offer(1n, A))),
      desired: [offer(2n, B)],
      due: [],
    },
    {
      reason: 'a success forgives an earlier failure of the same digest',
      view: afterReceipt(
        view({ ...servesA1, failedDigest: B, failedNonce: 'n' }),
        receipt(ReceiptState.APPLIED, offer(3n, A), offer(3n, A)),
      ),
      desired: [offer(4n, B, 'n')],
      due: [4n],
    },
    {
      reason: 'what one version refused is offered to the next',
      view: afterReceipt(
        [...view({ ...servesA1, failedDigest: B, failedNonce: 'n' }), ...viewOf([Kind.RUNTIME], [])],
        receipt(ReceiptState.APPLIED, offer(3n, A, 'n', Kind.RUNTIME), offer(3n, A)),
      ),
      desired: [offer(2n, B, 'n')],
      due: [2n],
    },
    {
      reason: 'the same version under a new revision judges no otherwise than it did',
      view: afterReceipt(
        [
          ...view({ ...servesA1, failedDigest: B, failedNonce: 'n' }),
          ...viewOf([Kind.RUNTIME], [create(KindStateSchema, { ...servesA1, kind: Kind.RUNTIME })]),
        ],
        receipt(ReceiptState.APPLIED, offer(3n, A, 'n', Kind.RUNTIME), offer(3n, A)),
      ),
      desired: [offer(2n, B, 'n')],
      due: [],
    },
    {
      reason: 'an upgrade that failed changes nothing about what was refused',
      view: afterReceipt(
        [...view({ ...servesA1, failedDigest: B, failedNonce: 'n' }), ...viewOf([Kind.RUNTIME], [])],
        receipt(ReceiptState.FAILED, offer(3n, A, 'n', Kind.RUNTIME)),
      ),
      desired: [offer(2n, B, 'n')],
      due: [],
    },
    {
      reason: 'a receipt sent again from before the hello changes nothing',
      view: afterReceipt(
        view({ servingRevision: 5n, servingDigest: B }),
        receipt(ReceiptState.APPLIED, offer(1n, A), offer(1n, A)),
      ),
      desired: [offer(5n, B)],
      due: [],
    },
    {
      reason: 'applying is not applied',
      view: afterReceipt(view(servesA1), receipt(ReceiptState.APPLYING, offer(2n, B), offer(1n, A))),
      desired: [offer(2n, B)],
      due: [2n],
    },
    {
      reason: 'a full state replaces what was believed, not what was sent',
      view: afterFullState(afterSent(view(servesA1), offer(2n, B)), []),
      desired: [offer(2n, B)],
      due: [],
    },
  ];

for (const { reason, view: known, desired, due } of cases) {
  test(reason, () => {
    assert.deepEqual(
      offersDue(known, desired).map(({ revision }) => revision),
      due,
    );
  });
}

const anyDigest = fc.constantFrom(A, B, digestOf('C'));
const anyDesired = fc.record({ digest: anyDigest, nonce: fc.constantFrom('n', 'm') });

/** An agent that applies some digests, refuses the others, and answers every offer. */
class Answering {
  view = viewOf([Kind.CONFIG], []);
  serving: PreparedOffer | undefined;
  refused: PreparedOffer | undefined;
  readonly #good: readonly Digest[];

  constructor(good: readonly Digest[]) {
    this.#good = good;
  }

  /** Is sent what is due, and answers. */
  follow(desired: PreparedOffer): void {
    const due = offersDue(this.view, [desired]);
    for (const sent of due) {
      this.view = afterSent(this.view, sent);
      assert.deepEqual(offersDue(this.view, [desired]), [], 'what was sent is not due again');
      const applied = this.#good.includes(sent.digest);
      if (applied) this.serving = sent;
      this.refused = applied ? undefined : sent;
      const state = applied ? ReceiptState.APPLIED : ReceiptState.FAILED;
      this.view = afterReceipt(this.view, receipt(state, sent, this.serving));
    }
  }

  /** What it says of itself in the next hello. */
  hello(): AgentView {
    const { serving, refused } = this;
    return view({
      ...(serving && { servingRevision: serving.revision, servingDigest: serving.digest }),
      ...(refused && { failedDigest: refused.digest, failedNonce: refused.nonce }),
    });
  }
}

test('an agent that answers serves, or has refused, the newest; and is not offered it again after a reconnect', () => {
  fc.assert(
    fc.property(fc.array(anyDesired, { minLength: 1, maxLength: 20 }), fc.uniqueArray(anyDigest), (desires, good) => {
      const agent = new Answering(good);
      const offers = desires.map(({ digest, nonce }, index) => offer(BigInt(index + 1), digest, nonce));
      for (const desired of offers) agent.follow(desired);
      const newest = offers.at(-1) ?? offer(0n);
      if (good.includes(newest.digest)) assert.equal(agent.serving?.revision, newest.revision);
      else assert.deepEqual([agent.refused?.digest, agent.refused?.nonce], [newest.digest, newest.nonce]);
      assert.deepEqual(offersDue(agent.hello(), [newest]), []);
    }),
  );
});
