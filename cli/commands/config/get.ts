/** `opencrane config get`. */
import { type JsonObject, toJson } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { GetConfigResponseSchema } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { z } from 'zod';
import { leavesOf, valueAt } from '../../config/document.ts';
import { showValue } from '../../config/value.ts';
import { command } from '../command.ts';
import { readScope, scopeOptions, scopeShape, scopeText } from '../scope.ts';

/** The command. */
export const configGet = command({
  noun: 'config',
  verb: 'get',
  summary: 'show the managed configuration of a scope: all of it, or one key',
  arguments: [{ name: 'key', summary: 'path such as agents.defaults.model', optional: true }],
  options: [...scopeOptions, { flags: '--layer', summary: "only what is set in this scope's own layer" }],
  examples: [
    { command: 'opencrane config get --tenant jente', shows: 'what its layers merge to, and which scope set what' },
    { command: 'opencrane config get agents.defaults.model --tenant jente', shows: 'one value' },
    { command: 'opencrane config get --org --layer --json', shows: "the organisation's own layer as JSON" },
  ],
  input: z.object({ key: z.string().optional(), layer: z.boolean().default(false), ...scopeShape }),
  async run({ connect, output }, { key, layer, ...typed }) {
    const scope = readScope(typed);
    const response = await (await connect()).config.getConfig({ scope });
    const document: JsonObject = (layer ? response.layer?.document : response.merged) ?? {};
    if (key !== undefined) {
      const value = valueAt(document, key);
      if (value === undefined) throw notSet(key, scopeText(scope));
      output.line(typeof value === 'string' ? value : JSON.stringify(value, null, 2));
      output.document(value);
      return;
    }
    output.document(layer ? document : toJson(GetConfigResponseSchema, response));
    const rows = leavesOf(document).map(({ path, value }) => [
      path,
      showValue(value),
      layer ? scopeText(scope) : (response.origins[path] ?? '-'),
    ]);
    output.table(
      ['KEY', 'VALUE', 'SET BY'],
      rows,
      `nothing is managed here; OpenClaw's own configuration is the tenant's`,
    );
  },
});

function notSet(key: string, scope: string): OpenCraneError {
  return new OpenCraneError('not_found', 'key_not_set', `"${key}" is not set for ${scope}`, {
    field: 'key',
    mend: 'list what is set with "opencrane config get" without a key',
  });
}
