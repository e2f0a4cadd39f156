/** What the offline program is told in its arguments. Only paths and addresses, never a key: anyone sees a process's arguments. */
import { parseArgs } from 'node:util';
import { fromJsonString, toBinary } from '@bufbuild/protobuf';
import { type BucketAddress, parseBucketAddress } from '@opencrane/kit/bucket-address.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { decodeRequest } from '@opencrane/kit/grpc/decode-request.ts';
import { type VaultCommand, VaultCommandSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';

/** Where an archive goes. */
export type ArchiveTarget = { readonly to: 'standard output' } | { readonly to: 'file'; readonly path: string };

/** An order. */
export type Order = {
  readonly bucket: BucketAddress;
  /** Of a look it is no matter whether the file is there. */
  readonly keyFile: string;
  /** A file that says on which disk the tenant was live until now (fence/holder.ts), for who has ended its agent there. */
  readonly diskFile: string | undefined;
  readonly what:
    | { readonly do: 'command'; readonly command: VaultCommand }
    | { readonly do: 'rotate'; readonly newKeyFile: string }
    /** `sequence` is undefined for the newest good snapshot. */
    | { readonly do: 'recover'; readonly sequence: number | undefined }
    | { readonly do: 'look' }
    | { readonly do: 'remove' };
  readonly archive: ArchiveTarget | undefined;
};

const options = {
  bucket: { type: 'string' },
  'key-file': { type: 'string' },
  command: { type: 'string' },
  output: { type: 'string' },
  'rotate-to': { type: 'string' },
  recover: { type: 'string' },
  look: { type: 'boolean', default: false },
  remove: { type: 'boolean', default: false },
  disk: { type: 'string' },
} as const;

const USAGE =
  'node agent/vault/offline/main.ts --bucket ADDRESS --key-file FILE ' +
  '(--command JSON [--output FILE|-] | --rotate-to NEW_KEY_FILE | --recover newest|NUMBER | --look | --remove [--disk FILE])';

/** Reads the arguments; says what is wrong with them. */
export function parseOrder(words: readonly string[]): Order {
  const values = parse(words);
  const { output } = values;
  const order: Order = {
    bucket: parseBucketAddress(required(values.bucket, '--bucket'), '--bucket'),
    keyFile: required(values['key-file'], '--key-file'),
    diskFile: values.disk,
    what: whatToDo(values),
    archive:
      output === undefined ? undefined : output === '-' ? { to: 'standard output' } : { to: 'file', path: output },
  };
  const isExport = order.what.do === 'command' && order.what.command.command.case === 'export';
  if (isExport !== (order.archive !== undefined)) throw wrongUse('--output is for an export, which needs it');
  return order;
}

function whatToDo({ command, recover, 'rotate-to': newKeyFile, ...values }: ReturnType<typeof parse>): Order['what'] {
  const given = [command, newKeyFile, recover].filter((value) => value !== undefined).length;
  if (given + Number(values.look) + Number(values.remove) !== 1)
    throw wrongUse('one of --command, --rotate-to, --recover, --look and --remove is needed');
  if (values.look) return { do: 'look' };
  if (values.remove) return { do: 'remove' };
  if (newKeyFile !== undefined) return { do: 'rotate', newKeyFile };
  if (recover === undefined) return { do: 'command', command: commandOf(command ?? '') };
  if (recover !== 'newest' && !/^[1-9]\d{0,14}$/.test(recover))
    throw wrongUse('--recover is "newest" or a snapshot’s number');
  return { do: 'recover', sequence: recover === 'newest' ? undefined : Number(recover) };
}

/** Whether the archive goes to standard output, as far as can be told of arguments that may be wrong. */
export function isArchiveOnStandardOutput(words: readonly string[]): boolean {
  return words.includes('--output=-') || words[words.indexOf('--output') + 1] === '-';
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    throw wrongUse(messageOf(cause), cause);
  }
}

function commandOf(json: string): VaultCommand {
  let command: VaultCommand;
  try {
    command = fromJsonString(VaultCommandSchema, json);
  } catch (cause) {
    const what = `reading the command: ${messageOf(cause)}`;
    throw new OpenCraneError('invalid_argument', 'command_garbled', what, {
      field: '--command',
      mend: 'write a VaultCommand as JSON, such as {"list":{}} (proto/definitions/opencrane/v1/vault.proto)',
      cause,
    });
  }
  return decodeRequest(VaultCommandSchema, toBinary(VaultCommandSchema, command)); // by the rules of the contract
}

function required(value: string | undefined, option: string): string {
  if (value !== undefined && value !== '') return value;
  throw wrongUse(`${option} is missing`);
}

function wrongUse(what: string, cause?: unknown): OpenCraneError {
  return new OpenCraneError('invalid_argument', 'usage', what, { mend: USAGE, cause });
}
