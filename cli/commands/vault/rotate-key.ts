/** `opencrane vault rotate-key`. */
import { z } from 'zod';
import { command } from '../../command.ts';
import { rotateKey } from '../../vault/offline-orders.ts';
import { bucketOptions, bucketShape } from '../../vault/way.ts';

/** The command. */
export const vaultRotateKey = command({
  noun: 'vault',
  verb: 'rotate-key',
  summary:
    "give a vault another tenant key, in a moment whatever its size; while the tenant's agent is stopped, which has to get the new key then",
  arguments: [],
  options: [
    ...bucketOptions,
    { flags: '--new-key-file <file>', summary: 'the new key: 32 random bytes as 64 hex digits' },
  ],
  examples: [
    {
      command:
        '(umask 077; openssl rand -hex 32 > new.key) && opencrane vault rotate-key --bucket gs://acme-jente --key-file tenant.key --new-key-file new.key',
      shows: 'the old key opens nothing of it any more; refused while an agent has the tenant',
    },
    {
      command: 'opencrane vault rotate-key --bucket ./bucket --key-file tenant.key --new-key-file new.key --json',
      shows: 'the ids of both keys, for a script; calling it again after a crash ends it',
    },
  ],
  input: z.object({ ...bucketShape, newKeyFile: z.string({ error: 'a file is needed' }).min(1, 'a file is needed') }),
  async run(context, { newKeyFile, ...way }) {
    const { output } = context;
    const rotated = await rotateKey(context, way, newKeyFile);
    output.line(
      `${output.style('green', '✔')} the vault opens with key ${rotated.newKey} and not with ${rotated.oldKey}`,
    );
    output.line(`put ${newKeyFile} in the place of the agent's key file before it starts again, and keep a copy`);
    output.document(rotated);
  },
});
