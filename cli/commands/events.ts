/** `opencrane events`. */
import { toJson } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '@opencrane/proto/opencrane/v1/event_pb.ts';
import { z } from 'zod';
import type { Output } from '../output/output.ts';
import { formatTime } from '../output/units.ts';
import { command } from './command.ts';

/** The command. */
export const events = command({
  noun: '',
  verb: 'events',
  summary: 'show what happened to tenants, oldest first',
  arguments: [{ name: 'name', summary: "only this tenant's", optional: true }],
  options: [
    { flags: '-f, --follow', summary: 'stay and show each new one, until Ctrl-C' },
    { flags: '--after <id>', summary: 'only events after this id' },
    { flags: '--new', summary: 'none that were before' },
  ],
  examples: [
    { command: 'opencrane events jente', shows: 'its story so far' },
    {
      command: 'opencrane events --follow --new --json',
      shows: 'one line of JSON for everything that happens from now on',
    },
  ],
  input: z.object({
    name: z.string().default(''),
    follow: z.boolean().default(false),
    after: z.coerce.bigint().min(0n).default(0n),
    new: z.boolean().default(false),
  }),
  async run({ connect, interrupts, output }, { name, follow, after, new: onlyNew }) {
    const clients = await connect();
    const request = { tenant: name, afterId: onlyNew ? -1n : after, follow };
    for await (const { event } of clients.events.watchEvents(request, { signal: interrupts.signal })) {
      if (event === undefined) continue;
      output.jsonLine(toJson(EventSchema, event));
      output.line(eventLine(event, output));
    }
  },
});

function eventLine({ atMillis, tenant, reason, message, detail }: Event, output: Output): string {
  const what = detail.case === 'progress' ? `${detail.value.operation} ${detail.value.step}` : reason;
  const words = message || (detail.case === 'progress' ? detail.value.message : '');
  return `${output.style('dim', formatTime(atMillis))}  ${output.style('bold', tenant || '-')}  ${what}  ${words}`;
}
