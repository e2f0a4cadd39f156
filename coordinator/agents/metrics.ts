/** What the agent plane counts. */
import { Counter, Gauge, type Registry } from '@opencrane/kit/metrics.ts';
import { type Kind, KindSchema, type Receipt, ReceiptStateSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** The agent plane's metrics. */
export type AgentMetrics = ReturnType<typeof agentMetrics>;

/** Registers the metrics. */
export function agentMetrics(registry: Registry) {
  const registers = [registry];
  const connected = new Gauge({
    name: 'opencrane_agents_connected',
    help: 'Agents whose hello was accepted',
    registers,
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
  return {
    connected: (count: number) => connected.set(count),
    offerSent: (kind: Kind) => offers.inc({ kind: KindSchema.value[kind]?.localName.toLowerCase() ?? 'other' }),
    receiptStored: ({ kind, state }: Receipt) =>
      receipts.inc({
        kind: KindSchema.value[kind]?.localName.toLowerCase() ?? 'other',
        state: ReceiptStateSchema.value[state]?.localName.toLowerCase() ?? 'other',
      }),
    streamEnded: (why: string) => ended.inc({ why }),
  } as const;
}
