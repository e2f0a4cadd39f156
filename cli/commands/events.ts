/** `opencrane events`. */

import { toJson } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '@opencrane/proto/opencrane/v1/event_pb.ts';
import { z } from 'zod';
import { command } from '../command.ts';
import { isCancelled } from '../connection/call-error.ts';
import { int64 } from '../int64.ts';
import type { Output } from '../output/output.ts';
import { formatTime } from '../output/units.ts';

/** The command. */
export const events = command({
  noun: '',
  verb: 'events',
  summary: 'what happened to tenants, oldest first, and with --follow what happens',
  arguments: [],
  options: [
    { flags: '--tenant <tenant>', summary: 'only this one' },
    { flags: '--after <id>', summary: 'only events after this one; -1 for none of those that are kept' },
    { flags: '--follow', summary: 'stay, until Ctrl-C' },
  ],
  examples: [
    { command: 'opencrane events --follow', shows: 'everything kept, then each event as it comes' },
    { command: 'opencrane events --tenant jente --json', shows: 'one event per line, for a program' },
  ],
  input: z.object({
    tenant: z.string().default(''),
    after: int64(-1n).default(0n),
    follow: z.boolean().default(false),
  }),
  async run({ connect, output, interrupts: { signal } }, { tenant, after, follow }) {
    const clients = await connect();
    try {
      for await (const { event } of clients.events.watchEvents({ tenant, afterId: after, follow }, { signal })) {
        if (event) print(output, event);
      }
    } catch (thrown) {
      if (!(follow && signal.aborted && isCancelled(thrown))) throw thrown;
    }
  },
});

function print(output: Output, event: Event): void {
  output.jsonLine(toJson(EventSchema, event));
  // Progress comes many times a second; "tenant watch" and "start" show it.
  if (event.detail.case === 'progress' && !event.detail.value.finished) return;
  const about = output.style('bold', event.tenant || 'coordinator');
  output.line(`${output.style('dim', formatTime(event.atMillis))}  ${about}  ${event.reason}  ${event.message}`);
}
