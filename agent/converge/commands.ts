/** What the coordinator orders, done. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Command } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { VaultCommand, VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { Converger } from './converger.ts';

/** Who does it. */
export type CommandPorts = {
  readonly converger: Pick<Converger, 'restart' | 'drain'>;
  readonly vault: (commandId: string, command: VaultCommand) => Promise<VaultResult>;
};

/** Resolves when it is done, with what a VaultCommand gave; throws what kept it from being done. */
export function carryOut(
  { commandId, command }: Command,
  { converger, vault }: CommandPorts,
): Promise<void> | Promise<VaultResult> {
  switch (command.case) {
    case 'restart':
      return converger.restart();
    case 'drain':
      return converger.drain();
    case 'vault':
      return vault(commandId, command.value);
    default:
      throw new OpenCraneError('unimplemented', 'command_unknown', 'this agent does not know the command', {
        mend: 'bring the agent to the coordinator’s version',
      });
  }
}
