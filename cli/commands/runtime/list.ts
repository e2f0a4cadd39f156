/** `opencrane runtime list`. */
import { toJson } from '@bufbuild/protobuf';
import { ListRuntimesResponseSchema } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { formatBytes, formatTime } from '../../output/units.ts';
import { scopeText } from '../../scope.ts';
import { listAllTenants } from '../../tenants/list-all.ts';

/** The command. */
export const runtimeList = command({
  noun: 'runtime',
  verb: 'list',
  summary: 'the OpenClaw versions that are built here, who runs them, and the pins',
  arguments: [],
  options: [],
  examples: [
    { command: 'opencrane runtime list', shows: 'versions, sizes, tenants, pins' },
    { command: 'opencrane runtime list --json', shows: 'the same for a program, with digests' },
  ],
  input: z.object({}),
  async run({ connect, output }) {
    const clients = await connect();
    const [response, tenants] = await Promise.all([clients.runtimes.listRuntimes({}), listAllTenants(clients)]);
    const runBy = (version: string) => tenants.filter(({ status }) => status?.openclawVersion === version).length;
    output.table(
      ['VERSION', 'TENANTS', 'SIZE', 'NODE', 'PLATFORM', 'BUILT'],
      response.runtimes.map(({ version, bytes, nodeRange, platform, builtAtMillis }) => [
        version,
        runBy(version),
        formatBytes(bytes),
        nodeRange,
        platform,
        formatTime(builtAtMillis),
      ]),
      'no version is built yet; the first tenant builds the latest',
    );
    if (response.pins.length > 0) output.line();
    if (response.pins.length > 0) {
      const rows = response.pins.map((pin) => [scopeText(pin.scope), pin.version, pin.actor, pin.reason || '-']);
      output.table(['PINNED', 'TO', 'BY', 'WHY'], rows, '');
    }
    output.document(toJson(ListRuntimesResponseSchema, response));
  },
});
