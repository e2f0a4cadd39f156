/** `opencrane runtime build`. */
import { toJson } from '@bufbuild/protobuf';
import { RuntimeSchema } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { z } from 'zod';
import { formatBytes } from '../../output/units.ts';
import { buildWithProgress } from '../../runtimes/build-with-progress.ts';
import { command } from '../command.ts';

/** The command. */
export const runtimeBuild = command({
  noun: 'runtime',
  verb: 'build',
  summary: 'download and pack an OpenClaw version, so that it is ready here; changes no tenant',
  arguments: [{ name: 'version', summary: 'exact version or tag (default: latest)', optional: true }],
  options: [],
  examples: [
    { command: 'opencrane runtime build', shows: 'the latest' },
    { command: 'opencrane runtime build 2026.9.5', shows: 'before a pin, so that tenants wait for nothing' },
  ],
  input: z.object({ version: z.string().default('') }),
  async run(context, { version }) {
    const runtime = await buildWithProgress(context, await context.connect(), version);
    context.output.line(`OpenClaw ${runtime.version} is ready: ${formatBytes(runtime.bytes)}, ${runtime.digest}`);
    context.output.document(toJson(RuntimeSchema, runtime));
  },
});
