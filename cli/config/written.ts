/** What every command that writes a layer ends with. */
import { toJson } from '@bufbuild/protobuf';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type ConfigRevision, ConfigRevisionSchema } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import type { Context } from '../command.ts';
import type { Clients } from '../connection/clients.ts';
import { waitAndReport } from '../receipts/wait-and-report.ts';
import { type ScopeInit, scopeText } from '../scope.ts';

type Written = {
  readonly layer?: ConfigRevision | undefined;
  readonly changed: boolean;
  readonly unchecked: readonly string[];
};

type WaitInput = Parameters<typeof waitAndReport>[3];

/** Says what was written, then waits for the answers of the agents. Resolves with the exit code. */
export async function reportWritten(
  context: Context,
  clients: Clients,
  scope: ScopeInit,
  { layer, changed, unchecked }: Written,
  input: WaitInput,
): Promise<number> {
  const { output } = context;
  const json = { changed, unchecked: [...unchecked], ...(layer ? { layer: toJson(ConfigRevisionSchema, layer) } : {}) };
  if (!changed || layer === undefined) {
    output.line('nothing changed: the layer says so already');
    output.document(json);
    return 0;
  }
  output.line(`revision ${layer.revision} of ${scopeText(scope)}`);
  for (const note of unchecked) output.line(output.style('yellow', note));
  return waitAndReport(context, clients, { scope, kind: Kind.CONFIG, revision: layer.revision, json }, input);
}
