/** What the agent plane counts. */
import { Counter, Gauge, type Registry } from '@opencrane/kit/metrics.ts';
import {
  type Kind,
  KindSchema,
  type Receipt,
  type ReceiptState,
  ReceiptStateSchema,
} from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** The agent plane's metrics. */
export type AgentMetrics = ReturnType<typeof agentMetrics>;

/** Registers the metrics; `connected` counts the agents whenever somebody looks. */
export function agentMetrics(registry: Registry, connected: () => number) {
  const registers = [registry];
  new Gauge({
    name: 'opencrane_agents_connected',
    help: 'Agents whose hello was accepted',
    registers,
    collect() {
      this.set(connected());
    },
  });
  const offers = new Counter({
    name: 'opencrane_agent_offers_sent_total',
    help: 'Offers handed to the network',
    labelNames: ['kind'] as const,
    registers,
  });
  const receipts = new Counter({
    name: 'opencrane_agent_receipts_total',
    help: 'Receipts stored',
    labelNames: ['kind', 'state'] as const,
    registers,
  });
  const ended = new Counter({
    name: 'opencrane_agent_streams_ended_total',
    help: 'Streams that ended, by why',
    labelNames: ['why'] as const,
    registers,
  });
  const offersOf = perLabel((kind: Kind) => offers.labels(kindName(kind)));
  const endedOf = perLabel((why: string) => ended.labels(why));
  const receiptsOf = perLabel((kind: Kind) =>
    perLabel((state: ReceiptState) => receipts.labels(kindName(kind), stateName(state))),
  );
  return {
    offerSent: (kind: Kind) => offersOf(kind).inc(),
    receiptStored: ({ kind, state }: Receipt) => receiptsOf(kind)(state).inc(),
    streamEnded: (why: string) => endedOf(why).inc(),
  } as const;
}

/** Looks a label up once: prom-client hashes labels at every use, which costs more than counting. */
function perLabel<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const fresh = make(key);
    made.set(key, fresh);
    return fresh;
  };
}

/** What an agent sends may be outside the enumeration; it must not make a label of its own. */
function kindName(kind: Kind): string {
  return KindSchema.value[kind]?.localName.toLowerCase() ?? 'other';
}

function stateName(state: ReceiptState): string {
  return ReceiptStateSchema.value[state]?.localName.toLowerCase() ?? 'other';
}
