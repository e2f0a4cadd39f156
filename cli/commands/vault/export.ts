/** `opencrane vault export`. */
import { resolve } from 'node:path';
import { toJson } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type FilesExported, FilesExportedSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { formatBytes } from '../../output/units.ts';
import { writeArchive } from '../../vault/archive-file.ts';
import { choiceOptions, choiceShape, newest, readChoice } from '../../vault/choice.ts';
import { openVault } from '../../vault/open-vault.ts';
import { snapshotText } from '../../vault/snapshot-rows.ts';
import type { PutPiece, Vault } from '../../vault/vault.ts';
import { readWay, wayOptions, wayShape } from '../../vault/way.ts';

/** The command. */
export const vaultExport = command({
  noun: 'vault',
  verb: 'export',
  summary: 'write a snapshot, or a part of it, as a tar archive that any tar can read',
  arguments: [],
  options: [
    ...wayOptions,
    ...choiceOptions,
    { flags: '--path <path>', summary: 'only what is at this path of the state, such as agents/main' },
    { flags: '--output <file>', summary: 'the archive; - for standard output, all else then goes to standard error' },
  ],
  examples: [
    {
      command: 'opencrane vault export --tenant jente --output jente.tar',
      shows: 'the newest; the file is whole or not there',
    },
    {
      command: 'opencrane vault export --bucket gs://acme-jente --key-file tenant.key --output - | tar -tv',
      shows: 'what is in it, with only the bucket and its key',
    },
  ],
  input: z.object({
    ...wayShape,
    ...choiceShape,
    path: z.string().default(''),
    output: z.string({ error: 'say --output FILE, or --output - for standard output' }).min(1, 'a file is needed'),
  }),
  async run(context, { path, output: file, ...typed }) {
    const toStandardOutput = file === '-';
    if (toStandardOutput && context.output.terminal) throw notForTerminals();
    const output = toStandardOutput ? context.output.beside() : context.output;
    const way = readWay(typed);
    const snapshot = readChoice(typed, output) ?? newest;
    const vault = await openVault({ ...context, output }, way);
    const fill = (put: PutPiece) => exportWhole(vault, { snapshot, path }, put);
    const exported = toStandardOutput
      ? await fill((piece) => context.output.bytes(piece, context.interrupts.signal))
      : await writeArchive(resolve(context.folder, file), fill);
    const size = `${exported.files} files, ${formatBytes(exported.bytes)}`;
    const where = toStandardOutput ? 'is written' : `is in ${file}`;
    output.line(`${output.style('green', '✔')} ${snapshotText(exported.snapshot)} ${where}: ${size}`);
    output.document(toJson(FilesExportedSchema, exported));
  },
});

/** Exports, and makes sure that what came is as long as what was sent. */
async function exportWhole(vault: Vault, files: Parameters<Vault['export']>[0], put: PutPiece): Promise<FilesExported> {
  let bytes = 0n;
  const exported = await vault.export(files, async (piece) => {
    await put(piece);
    bytes += BigInt(piece.byteLength);
  });
  if (bytes === exported.bytes) return exported;
  const what = `${bytes} bytes of the archive came, ${exported.bytes} were sent`;
  throw new OpenCraneError('data_loss', 'archive_not_whole', what, { mend: 'export it again' });
}

function notForTerminals(): OpenCraneError {
  return new OpenCraneError('invalid_argument', 'output_is_terminal', 'an archive is nothing for a terminal', {
    field: 'output',
    mend: 'redirect it, as in "--output - | tar -tv", or say --output FILE',
  });
}
