/** What the vault's service needs from agents. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { VaultCommandSchema, VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';

/** What can be ordered of a tenant's vault. */
export type VaultOrder = Exclude<
  NonNullable<MessageInitShape<typeof VaultCommandSchema>['command']>,
  { readonly case?: undefined }
>;

/** Files of a snapshot to export. */
export type ExportOrder = Extract<VaultOrder, { readonly case: 'export' }>['value'];

/** Orders agents about their vaults. Implemented by the agent plane. */
export interface VaultAgents {
  /**
   * Has the tenant's agent do it, and resolves with what came of it, however long it takes. Throws `unavailable` with
   * the reason `agent_not_connected` when no agent is there or it goes away, else what the agent says. An agent goes on
   * when the signal fires.
   */
  vault(tenant: string, command: VaultOrder, signal?: AbortSignal): Promise<VaultResult>;
  /**
   * Has the tenant's agent send files of a snapshot: the archive's bytes as they come, at the reader's pace, then what
   * was sent. Throws like `vault`. The agent stops when the signal fires, or the reader stops reading.
   */
  exportFiles(tenant: string, files: ExportOrder, signal: AbortSignal): AsyncGenerator<Uint8Array, VaultResult>;
}
