/** `opencrane tenant watch`. */
import { toJson } from '@bufbuild/protobuf';
import {
  Phase,
  type Tenant,
  type WatchTenantsResponse,
  WatchTenantsResponseSchema,
} from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import type { LiveArea } from '../../output/live-area.ts';
import type { Output } from '../../output/output.ts';
import { renderTable } from '../../output/table.ts';
import { tenantLine, tenantRow, tenantTitles } from '../../tenants/tenant-lines.ts';
import { command } from '../command.ts';

/** The command. */
export const tenantWatch = command({
  noun: 'tenant',
  verb: 'watch',
  summary: 'watch tenants change until Ctrl-C',
  arguments: [{ name: 'name', summary: 'only this one', optional: true }],
  options: [{ flags: '--until-ready', summary: 'end when every tenant that is watched is ready' }],
  examples: [
    { command: 'opencrane tenant watch', shows: 'a table that is drawn again in a terminal, lines in a pipe' },
    { command: 'opencrane tenant watch jente --until-ready', shows: 'for scripts: comes back when it can be used' },
  ],
  input: z.object({ name: z.string().default(''), untilReady: z.boolean().default(false) }),
  async run({ connect, interrupts, output }, { name, untilReady }) {
    const clients = await connect();
    const known = new Map<string, Tenant>();
    const area = output.interactive ? output.live() : undefined;
    let complete = false;
    for await (const change of clients.tenants.watchTenants({ name }, { signal: interrupts.signal })) {
      output.jsonLine(toJson(WatchTenantsResponseSchema, change));
      complete ||= change.snapshotComplete;
      takeIn(known, change);
      if (area === undefined) printChange(output, change);
      else if (complete) draw(area, output, known);
      if (untilReady && complete && areReady(known)) return;
    }
  },
});

function takeIn(known: Map<string, Tenant>, { tenant, deleted }: WatchTenantsResponse): void {
  if (tenant && deleted) known.delete(tenant.name);
  else if (tenant) known.set(tenant.name, tenant);
}

function printChange(output: Output, { tenant, deleted }: WatchTenantsResponse): void {
  if (tenant) output.line(deleted ? `${tenant.name} is deleted` : tenantLine(tenant, output));
}

function areReady(known: ReadonlyMap<string, Tenant>): boolean {
  return known.size > 0 && [...known.values()].every(({ status }) => status?.phase === Phase.READY);
}

function draw(area: LiveArea, output: Output, known: ReadonlyMap<string, Tenant>): void {
  const rows = [...known.values()]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((tenant) => tenantRow(tenant, output));
  const [head = '', ...lines] = renderTable(tenantTitles, rows);
  area.draw([output.style('bold', head), ...lines]);
}
