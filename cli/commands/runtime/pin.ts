/** `opencrane runtime pin`. */
import { toJson } from '@bufbuild/protobuf';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { PinRuntimeResponseSchema } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { z } from 'zod';
import { waitAndReport, waitOptions, waitShape } from '../../receipts/wait-and-report.ts';
import { buildWithProgress } from '../../runtimes/build-with-progress.ts';
import { command } from '../command.ts';
import { readScope, scopeOptions, scopeShape, scopeText } from '../scope.ts';

/** The command. */
export const runtimePin = command({
  noun: 'runtime',
  verb: 'pin',
  summary: 'hold a scope at an exact OpenClaw version; up or down, each tenant goes back by itself when it fails',
  arguments: [{ name: 'version', summary: 'exact version, such as 2026.9.5' }],
  options: [
    ...scopeOptions,
    { flags: '--reason <text>', summary: 'why; shown to a tenant whose own update is refused' },
    {
      flags: '--restore-kept-state',
      summary:
        'for a downgrade that the state forbids: bring back the state kept from before; what was written since is lost',
    },
    ...waitOptions,
  ],
  examples: [
    {
      command: 'opencrane runtime pin 2026.9.6 --tenant jente --reason "canary"',
      shows: 'one tenant, and its downtime',
    },
    {
      command: 'opencrane runtime pin 2026.9.5 --org --reason "9.6 breaks our channel"',
      shows: 'everyone without a nearer pin',
    },
  ],
  input: z.object({
    version: z.string(),
    reason: z.string().default(''),
    restoreKeptState: z.boolean().default(false),
    ...scopeShape,
    ...waitShape,
  }),
  async run(context, { version, reason, restoreKeptState, wait, timeout, ...typed }) {
    const scope = readScope(typed);
    const clients = await context.connect();
    await buildWithProgress(context, clients, version); // before the pin: it shows how far it is, and fails before any tenant is touched
    const pinned = await clients.runtimes.pinRuntime({ scope, version, reason, restoreKeptState });
    const revision = pinned.revision?.revision ?? 0n;
    context.output.line(`${scopeText(scope)} is pinned to OpenClaw ${version}: revision ${revision}`);
    const json = { pin: toJson(PinRuntimeResponseSchema, pinned) };
    return waitAndReport(context, clients, { scope, kind: Kind.RUNTIME, revision, json }, { wait, timeout });
  },
});
