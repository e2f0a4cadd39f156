/** `opencrane runtime list`. */
import { toJson } from '@bufbuild/protobuf';
import { ListRuntimesResponseSchema } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { z } from 'zod';
import { formatBytes, formatTime } from '../../output/units.ts';
import { command } from '../command.ts';
import { scopeText } from '../scope.ts';

/** The command. */
export const runtimeList = command({
  noun: 'runtime',
  verb: 'list',
  summary: 'list the OpenClaw versions that are ready here, and who is pinned to what',
  arguments: [],
  options: [],
  examples: [{ command: 'opencrane runtime list', shows: 'bundles, newest first, then pins with their reasons' }],
  input: z.object({}),
  async run({ connect, output }) {
    const response = await (await connect()).runtimes.listRuntimes({});
    output.table(
      ['VERSION', 'SIZE', 'BUILT', 'NODE', 'PLATFORM', 'DIGEST'],
      response.runtimes.map(({ version, bytes, builtAtMillis, nodeRange, platform, digest }) => [
        version,
        formatBytes(bytes),
        formatTime(builtAtMillis),
        nodeRange,
        platform,
        digest.slice(0, 'sha256:'.length + 12),
      ]),
      'no version is built yet; the first tenant builds the latest',
    );
    if (response.pins.length > 0) output.line();
    const pins = response.pins.map(({ scope, version, actor, reason }) => [scopeText(scope), version, actor, reason]);
    if (pins.length > 0) output.table(['PINNED', 'TO', 'BY', 'WHY'], pins, '');
    output.document(toJson(ListRuntimesResponseSchema, response));
  },
});
