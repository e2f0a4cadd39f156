/** `opencrane runtime unpin`. */
import { toJson } from '@bufbuild/protobuf';
import { RuntimeRevisionSchema } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { readScope, scopeOptions, scopeShape, scopeText } from '../../scope.ts';

/** The command. */
export const runtimeUnpin = command({
  noun: 'runtime',
  verb: 'unpin',
  summary: "take a scope's pin away; its tenants stay at the version they serve until they update",
  arguments: [],
  options: [
    ...scopeOptions,
    { flags: '--reason <text>', summary: 'why; kept in the history' },
    { flags: '--expected-revision <number>', summary: 'fail unless the pin has this revision' },
  ],
  examples: [{ command: 'opencrane runtime unpin --tenant jente', shows: '"openclaw update" works again for jente' }],
  input: z.object({
    ...scopeShape,
    reason: z.string().default(''),
    expectedRevision: z
      .string()
      .regex(/^[1-9]\d*$/, 'a revision is a number above 0')
      .transform(BigInt)
      .default(0n),
  }),
  async run({ connect, output }, { reason, expectedRevision, ...typed }) {
    const scope = readScope(typed);
    const { revision } = await (await connect()).runtimes.unpinRuntime({ scope, reason, expectedRevision });
    output.line(`${scopeText(scope)} is no longer pinned; nothing moves until a tenant updates`);
    if (revision) output.document(toJson(RuntimeRevisionSchema, revision));
  },
});
