/** Fills the directory from the database, and writes what was observed back into it. */
import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { HealthSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { z } from 'zod';
import type { ReceiptStore } from '../receipts/receipt-store.ts';
import { type Observation, TenantDirectory } from './directory.ts';
import type { TenantStore } from './tenant-store.ts';

const kept = z.object({ lastSeen: z.number(), health: z.custom<JsonValue>().optional() });

/** The directory as the database has it: nobody is connected, and what was observed is what was observed last. */
export async function loadDirectory(tenants: TenantStore, receipts: ReceiptStore): Promise<TenantDirectory> {
  const directory = new TenantDirectory();
  const observations = await tenants.observations();
  const newest = Map.groupBy(await receipts.newestOfEveryTenant(), ({ tenant }) => tenant);
  for (const record of await tenants.all()) {
    const text = observations.get(record.name);
    directory.add(record, {
      ...(text === undefined ? {} : decodeObservation(text)),
      receipts: new Map((newest.get(record.name) ?? []).map(({ receipt }) => [receipt.kind, receipt])),
    });
  }
  return directory;
}

/** What is kept of an observation: what a restarted coordinator shows until the agent is back. */
export function encodeObservation({ lastSeen, health }: Observation): string {
  return JSON.stringify({ lastSeen, ...(health && { health: toJson(HealthSchema, health) }) });
}

function decodeObservation(text: string): Pick<Observation, 'lastSeen' | 'health'> {
  const { lastSeen, health } = kept.parse(JSON.parse(text));
  return {
    lastSeen,
    ...(health !== undefined && { health: fromJson(HealthSchema, health, { ignoreUnknownFields: true }) }),
  };
}
