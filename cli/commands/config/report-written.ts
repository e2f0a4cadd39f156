/** The end of every command that writes a layer. */
import { toJson } from '@bufbuild/protobuf';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type ConfigRevision, ConfigRevisionSchema } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import type { Clients } from '../../connection/clients.ts';
import { waitAndReport } from '../../receipts/wait-and-report.ts';
import type { Context } from '../command.ts';
import { type ScopeInit, scopeText } from '../scope.ts';

type Written = { readonly scope: ScopeInit; readonly layer?: ConfigRevision | undefined; readonly changed: boolean };

/** Says which revision it became, waits for the agents' answers, and resolves with the exit code. */
export async function reportWritten(
  context: Context,
  clients: Clients,
  { scope, layer, changed }: Written,
  input: { readonly wait: boolean; readonly timeout?: number | undefined },
): Promise<number> {
  const { output } = context;
  const json = { changed, ...(layer ? { layer: toJson(ConfigRevisionSchema, layer) } : {}) };
  if (!changed || layer === undefined) {
    output.line(`nothing to change: ${scopeText(scope)} says so already`);
    output.document(json);
    return 0;
  }
  output.line(`revision ${layer.revision} of ${scopeText(scope)}`);
  const made = { scope, kind: Kind.CONFIG, revision: layer.revision, json };
  return waitAndReport(context, clients, made, input);
}
