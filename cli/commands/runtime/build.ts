/** `opencrane runtime build`. */
import { toJson } from '@bufbuild/protobuf';
import { RuntimeSchema } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { formatBytes } from '../../output/units.ts';
import { buildRuntime } from '../../runtimes/build.ts';

/** The command. */
export const runtimeBuild = command({
  noun: 'runtime',
  verb: 'build',
  summary: 'download and pack an OpenClaw version, so that tenants can switch to it at once; changes no tenant',
  arguments: [{ name: 'version', summary: 'exact version or dist-tag (default: latest)', optional: true }],
  options: [],
  examples: [
    { command: 'opencrane runtime build', shows: 'the latest version' },
    { command: 'opencrane runtime build 2026.9.5 --json', shows: 'an exact one; the bundle as JSON' },
  ],
  input: z.object({ version: z.string().default('') }),
  async run(context, { version }) {
    const built = await buildRuntime(context, await context.connect(), version);
    context.output.line(`OpenClaw ${built.version} is built: ${formatBytes(built.bytes)}, ${built.digest}`);
    context.output.document(toJson(RuntimeSchema, built));
  },
});
