/** `opencrane runtime unpin`. */
import { toJson } from '@bufbuild/protobuf';
import { UnpinRuntimeResponseSchema } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { z } from 'zod';
import { command } from '../command.ts';
import { readScope, scopeOptions, scopeShape, scopeText } from '../scope.ts';

/** The command. */
export const runtimeUnpin = command({
  noun: 'runtime',
  verb: 'unpin',
  summary: "take a scope's pin away; its tenants stay where they are until they update",
  arguments: [],
  options: [...scopeOptions, { flags: '--reason <text>', summary: 'why; kept in the history' }],
  examples: [
    { command: 'opencrane runtime unpin --tenant jente', shows: '"openclaw update" in its shell works again' },
  ],
  input: z.object({ reason: z.string().default(''), ...scopeShape }),
  async run({ connect, output }, { reason, ...typed }) {
    const scope = readScope(typed);
    const response = await (await connect()).runtimes.unpinRuntime({ scope, reason });
    output.line(`${scopeText(scope)} is not pinned any more: revision ${response.revision?.revision ?? 0n}`);
    output.document(toJson(UnpinRuntimeResponseSchema, response));
  },
});
