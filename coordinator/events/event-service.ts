/** Events over Connect. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import type { EventSchema, EventService } from '@opencrane/proto/opencrane/v1/event_pb.ts';
import type { EventLog, Followed } from './event-log.ts';

/** Serves the events. */
export function eventService(log: EventLog): ServiceImpl<typeof EventService> {
  return {
    async *watchEvents({ tenant, afterId, follow }, { signal }) {
      yield {}; // proxies and clients see nothing of a stream before its first message
      for await (const followed of log.follow({ tenant, afterId: Number(afterId), follow }, signal)) {
        yield { event: toMessage(followed) };
      }
    },
  };
}

function toMessage(followed: Followed): MessageInitShape<typeof EventSchema> {
  if ('kept' in followed) {
    const { id, at, tenant, reason, message, receipt } = followed.kept;
    const detail = receipt ? ({ case: 'receipt', value: receipt } as const) : { case: undefined };
    return { id: BigInt(id), atMillis: BigInt(at), tenant, reason, message, detail };
  }
  const { progress, tenant, at } = followed;
  const message = progress.error || progress.message;
  return { atMillis: BigInt(at), tenant, reason: 'Progress', message, detail: { case: 'progress', value: progress } };
}
