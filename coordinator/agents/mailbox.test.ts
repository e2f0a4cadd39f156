import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary } from '@bufbuild/protobuf';
import { digestOf } from '@opencrane/kit/digest.ts';
import { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import { ConnectResponseSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import fc from 'fast-check';
import type { PreparedOffer } from '../offers/offer.ts';
import { Mailbox, type Outgoing } from './mailbox.ts';
import { receiptStored } from './messages.ts';

const message = Encoded.from(ConnectResponseSchema, create(ConnectResponseSchema));

function offer(kind: Kind, revision: number): PreparedOffer {
  return { kind, revision: BigInt(revision), digest: digestOf(`${revision}`), nonce: '', message };
}

function receiptIdIn(answer: Outgoing): string {
  const { message } = answer instanceof Encoded ? fromBinary(ConnectResponseSchema, answer.bytes) : answer;
  assert.equal(message.case, 'receiptStored');
  return message.case === 'receiptStored' ? message.value.receiptId : '';
}

const step = fc.oneof(
  fc.record({ do: fc.constant('offer' as const), kind: fc.constantFrom(Kind.CONFIG, Kind.RUNTIME) }),
  fc.record({ do: fc.constant('answer' as const), kind: fc.constant(Kind.CONFIG) }),
  fc.record({ do: fc.constant('take' as const), kind: fc.constant(Kind.CONFIG) }),
);

test('answers all arrive in order; of offers the newest of each kind does, and none arrives after a newer one', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const mailbox = new Mailbox();
      const given = new Map<Kind, number>();
      const taken = new Map<Kind, number>();
      const answers: { given: number; taken: string[] } = { given: 0, taken: [] };
      const take = () => {
        const next = mailbox.take(true);
        if (next === undefined) return false;
        const { offer: out } = next;
        if (out !== undefined) {
          assert.ok(Number(out.revision) > (taken.get(out.kind) ?? 0), 'revisions rise');
          taken.set(out.kind, Number(out.revision));
        } else answers.taken.push(receiptIdIn(next.message));
        return true;
      };
      for (const [index, { do: what, kind }] of steps.entries()) {
        if (what === 'take') take();
        else if (what === 'answer') mailbox.answer(receiptStored(`${answers.given++}`));
        else {
          given.set(kind, index + 1);
          mailbox.offer(offer(kind, index + 1));
        }
      }
      while (take());
      assert.deepEqual(taken, new Map([...taken.keys()].map((kind) => [kind, given.get(kind)])));
      assert.equal(taken.size, given.size);
      assert.deepEqual(
        answers.taken,
        Array.from({ length: answers.given }, (_, index) => `${index}`),
      );
    }),
  );
});

test('an offer that is no longer desired is dropped, one that is desired stays, whoever prepared it', () => {
  const mailbox = new Mailbox();
  mailbox.offer(offer(Kind.CONFIG, 1));
  mailbox.offer(offer(Kind.RUNTIME, 2));
  mailbox.keepOnly([offer(Kind.RUNTIME, 2), offer(Kind.CONFIG, 3)]);
  assert.equal(mailbox.take(true)?.offer?.revision, 2n);
  assert.equal(mailbox.take(true), undefined);
});

test('an offer waits while another one is under way; answers do not', () => {
  const mailbox = new Mailbox();
  mailbox.offer(offer(Kind.CONFIG, 1));
  mailbox.answer(receiptStored('r'));
  assert.equal(mailbox.take(false)?.offer, undefined);
  assert.equal(mailbox.take(false), undefined);
  assert.equal(mailbox.empty, false);
  assert.equal(mailbox.take(true)?.offer?.revision, 1n);
  assert.equal(mailbox.empty, true);
});

test('it is full before answers pile up', () => {
  const mailbox = new Mailbox();
  for (let count = 0; count < 31; count += 1) mailbox.answer(receiptStored('r'));
  assert.equal(mailbox.full, false);
  mailbox.answer(receiptStored('r'));
  assert.equal(mailbox.full, true);
  mailbox.take(true);
  assert.equal(mailbox.full, false);
});
