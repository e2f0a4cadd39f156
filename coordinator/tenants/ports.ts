/** What tenants need from where they run and from their agents. */

/** What becomes of a tenant's data when the tenant is deleted. */
export type Retention = 'retain' | 'delete';

/** One of the programs of a tenant that keep a log. */
export type LogProgram = 'openclaw' | 'agent' | 'launcher';

/** What of a deleted tenant is still there. */
export type Removal = {
  /** Where its folder is kept; empty when it was removed. */
  readonly retainedAt: string;
  /** Address of its bucket, when that is elsewhere and still has something in it; else empty. */
  readonly retainedBucket: string;
  /** The file with the key that opens what is in the bucket; empty when there is none. */
  readonly retainedKey: string;
};

/** How to get into a tenant's OpenClaw. */
export type Access = {
  /** Address of OpenClaw's Control UI. */
  readonly url: string;
  /** Token to sign in with. */
  readonly token: string;
  /** Environment of a shell beside the tenant's OpenClaw. */
  readonly shellEnvironment: Readonly<Record<string, string>>;
  /** Folder such a shell starts in. */
  readonly shellDirectory: string;
};

/** Runs tenants: processes on this machine in embedded mode. */
export interface Platform {
  /**
   * Makes sure that the tenant's agent and launcher run, and keeps them running. Resolves when they were started or
   * found running, not when OpenClaw is ready. A second call changes nothing. Called for every tenant at start.
   */
  ensure(tenant: string): Promise<void>;
  /** Throws `failed_precondition` when what is there of a tenant of this name cannot be this one's. Changes nothing. */
  assertFree(tenant: string): Promise<void>;
  /**
   * Stops everything of the tenant, drained, and removes or keeps its data, in its bucket too. A tenant that is gone already is
   * no error. When the signal fires, or anything fails, the next call goes on.
   */
  remove(tenant: string, retention: Retention, signal: AbortSignal): Promise<Removal>;
  /** The newest `tail` lines in one or more batches; with `follow`, those that come later, until the signal fires. Then it ends without an error. */
  readLogs(
    tenant: string,
    options: { readonly program: LogProgram; readonly tail: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<readonly string[]>;
  /**
   * Tells what is wrong with a tenant's programs: how one ended, how often in a row, when it is started again, and what it
   * said last; and an empty line when nothing is wrong any more. The launcher's part of it is told once more.
   */
  onTrouble(listener: (tenant: string, line: string, ofLauncher: string) => void): void;
  /** Throws `failed_precondition` with what to wait for when the tenant has not got that far. */
  access(tenant: string): Promise<Access>;
}

/** Tells agents to do something now. Implemented by the agent plane. */
export interface AgentCommands {
  /**
   * Restarts the tenant's OpenClaw, drained; resolves when its agent has done it. Throws `unavailable` when no agent
   * is connected, `failed_precondition` with the agent's words when it could not.
   */
  restart(tenant: string): Promise<void>;
}
