/** What the bench and the agent's process say to each other. */

/** Where an agent's process works. */
export type AgentSetting = {
  /** A bucket's address. */
  readonly bucket: string;
  /** The state folder. */
  readonly root: string;
  /** A folder for the agent's own files. */
  readonly besides: string;
};

/** What it is told. */
export type AgentOrder =
  | { readonly do: 'snapshot' }
  | { readonly do: 'restore'; readonly target: string }
  | { readonly do: 'verify' }
  /** Takes snapshots by itself from now on. */
  | { readonly do: 'follow' }
  | { readonly do: 'end' };

/** What it answers when that is done. */
export type AgentAnswer = { readonly failure?: string; readonly changedBytes?: number };

/** A key like a tenant's. */
export const TENANT_KEY = '5a'.repeat(32);
