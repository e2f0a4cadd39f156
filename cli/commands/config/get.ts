/** `opencrane config get`. */
import { toJson } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { GetConfigResponseSchema } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { type Leaf, leavesAt, leavesOf } from '../../config/leaves.ts';
import { valueText } from '../../config/typed-value.ts';
import { readScope, scopeOptions, scopeShape, scopeText } from '../../scope.ts';

/** The command. */
export const configGet = command({
  noun: 'config',
  verb: 'get',
  summary: 'what the layers come to for a scope, and which layer each key is from',
  arguments: [{ name: 'key', summary: 'only this key, and what is below it', optional: true }],
  options: [...scopeOptions, { flags: '--layer', summary: "only the scope's own layer" }],
  examples: [
    { command: 'opencrane config get --tenant jente', shows: 'every managed key of jente, and where it is from' },
    { command: 'opencrane config get logging.level --tenant jente', shows: 'one value, for a script' },
    { command: 'opencrane config get --org --layer --json', shows: "the organisation's layer as JSON" },
  ],
  input: z.object({ ...scopeShape, key: z.string().optional(), layer: z.boolean().default(false) }),
  async run({ connect, output }, { key, layer: ownLayer, ...typed }) {
    const scope = readScope(typed);
    const response = await (await connect()).config.getConfig({ scope });
    const own = scopeText(scope);
    const all = leavesOf((ownLayer ? response.layer?.document : response.merged) ?? {});
    const leaves = key === undefined ? all : leavesAt(all, key);
    if (key !== undefined && leaves.length === 0) throw notSet(key, own);
    const origin = ({ path }: Leaf) => (ownLayer ? own : (response.origins[path] ?? '-'));
    const [only] = leaves;
    if (key !== undefined && only && leaves.length === 1) output.line(valueText(only.value));
    else {
      const rows = leaves.map((leaf) => [leaf.path, valueText(leaf.value), origin(leaf)]);
      output.table(['KEY', 'VALUE', 'FROM'], rows, 'nothing is managed here: everything is the person’s own to edit');
    }
    if (key === undefined) output.document(toJson(GetConfigResponseSchema, response));
    else output.document({ values: leaves.map((leaf) => ({ ...leaf, from: origin(leaf) })) });
  },
});

function notSet(key: string, scope: string): OpenCraneError {
  return new OpenCraneError('not_found', 'key_not_set', `no layer sets ${key} for ${scope}`, {
    field: key,
    mend: `see which keys are set: opencrane config get ${scope === 'organisation' ? '--org' : `--${scope.replace('/', ' ')}`}`,
  });
}
