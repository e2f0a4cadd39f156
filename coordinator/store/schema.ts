/**
 * The tables. Types are the ones both dialects keep faithfully: text, whole numbers (times are milliseconds since the
 * epoch, flags 0 or 1), and JSON as text that its owner encodes and decodes.
 */

/** Numbers that must grow in the order of commits, which a sequence of Postgres does not promise. */
export type Counter = 'revision' | 'audit' | 'event' | 'receipt';

type CountersTable = { name: Counter; value: number };

type TenantsTable = {
  name: string;
  display_name: string;
  /** Empty for none. */
  team: string;
  retention: 'retain' | 'delete';
  created_at: number;
  /** 1 from the moment the delete was asked for until everything is gone and so is the row. */
  deleting: number;
};

type ObservationsTable = {
  tenant: string;
  /** What the agent said last, as JSON. */
  observation: string;
};

type RevisionsTable = {
  number: number;
  scope_kind: 'organisation' | 'team' | 'tenant';
  /** Empty for the organisation. */
  scope_name: string;
  kind: 'config' | 'runtime';
  digest: string;
  payload: string;
  actor: string;
  reason: string;
  created_at: number;
};

type ReceiptsTable = {
  number: number;
  tenant: string;
  receipt_id: string;
  /** Number of the kind in the contracts. */
  kind: number;
  /** The Receipt as the JSON of its message. */
  receipt: string;
  received_at: number;
};

type AuditTable = {
  id: number;
  at: number;
  actor: string;
  action: string;
  target: string;
  summary: string;
  /** 0 when the change made none. */
  revision: number;
};

type EventsTable = {
  id: number;
  at: number;
  tenant: string;
  reason: string;
  message: string;
  /** Of the receipt that it is about, which may be kept for less time; empty when it is about none. */
  receipt_id: string;
};

type RuntimesTable = {
  version: string;
  /** Operating system and architecture, such as `linux-x64`. */
  platform: string;
  digest: string;
  bytes: number;
  node_range: string;
  integrity: string;
  built_at: number;
};

type BundlesTable = {
  digest: string;
  version: string;
};

type GivenUpTable = {
  tenant: string;
  /** Of the newest holding of its lease that was given up. */
  epoch: number;
  serial: number;
};

/** Every table, for Kysely. */
export type Schema = {
  counters: CountersTable;
  tenants: TenantsTable;
  observations: ObservationsTable;
  revisions: RevisionsTable;
  receipts: ReceiptsTable;
  audit: AuditTable;
  events: EventsTable;
  runtimes: RuntimesTable;
  /** Every bundle that was ever built: a version that was built again may be another one. */
  bundles: BundlesTable;
  given_up: GivenUpTable;
  /** One row, for ever the same: tells this database from every other. */
  witness: { id: string };
};
