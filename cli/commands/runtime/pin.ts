/** `opencrane runtime pin`. */
import { toJson } from '@bufbuild/protobuf';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { RuntimeRevisionSchema } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { expectation, expectedRevisionOption, expectedRevisionShape } from '../../config/expected-revision.ts';
import { waitAndReport, waitOptions, waitShape } from '../../receipts/wait-and-report.ts';
import { buildRuntime } from '../../runtimes/build.ts';
import { readScope, scopeOptions, scopeShape, scopeText } from '../../scope.ts';

/** The command. */
export const runtimePin = command({
  noun: 'runtime',
  verb: 'pin',
  summary: 'hold a scope at an OpenClaw version: build it, switch every tenant it concerns, wait for their answers',
  arguments: [{ name: 'version', summary: 'exact version; a dist-tag is looked up now and stays what it is now' }],
  options: [
    ...scopeOptions,
    { flags: '--reason <text>', summary: 'why; shown to a tenant whose "openclaw update" is refused' },
    {
      flags: '--restore-kept-state',
      summary:
        'for a downgrade that newer state forbids: bring back the state kept from before; what came since is lost',
    },
    {
      ...expectedRevisionOption,
      summary: "fail unless this is the scope's newest revision of a version; 0: unless it has none",
    },
    ...waitOptions,
  ],
  examples: [
    { command: 'opencrane runtime pin 2026.9.5 --tenant jente --reason "plugin X needs it"', shows: 'one tenant' },
    { command: 'opencrane runtime pin 2026.9.6 --team research --no-wait', shows: 'a team, without waiting' },
    {
      command: 'opencrane runtime pin 2026.9.5 --tenant jente --restore-kept-state',
      shows: 'back to an older version with the state it had',
    },
  ],
  input: z.object({
    ...scopeShape,
    ...waitShape,
    version: z.string(),
    reason: z.string().default(''),
    restoreKeptState: z.boolean().default(false),
    ...expectedRevisionShape,
  }),
  async run(context, { version, reason, restoreKeptState, expectedRevision, ...input }) {
    const scope = readScope(input);
    const clients = await context.connect();
    const built = await buildRuntime(context, clients, version);
    const { revision } = await clients.runtimes.pinRuntime({
      scope,
      version: built.version,
      reason,
      restoreKeptState,
      ...expectation(expectedRevision),
    });
    context.output.line(`${scopeText(scope)} is pinned to ${built.version}, revision ${revision?.revision ?? 0n}`);
    const json = revision ? { pin: toJson(RuntimeRevisionSchema, revision) } : {};
    const made = { scope, kind: Kind.RUNTIME, revision: revision?.revision ?? 0n, json };
    return waitAndReport(context, clients, made, input);
  },
});
