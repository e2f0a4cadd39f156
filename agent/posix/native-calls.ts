/**
 * The calls of the operating system that Node does not have: where the content of a sparse file lies, and times to the
 * nanosecond. They are made through koffi, which costs 7 MB and 40 ms and is therefore loaded by whoever comes to need them
 * (docs/adr/0025). Where there is no library for the platform everything works without, less exactly.
 */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { messageOf } from '@opencrane/kit/errors.ts';

/** A moment, since 1970. */
export type Moment = { readonly seconds: number; readonly nanoseconds: number };

/** The calls. They throw errors as those of `node:fs` are. */
export type NativeCalls = {
  /** Where the first content at or after an offset begins; undefined when only a hole follows, or nothing. */
  readonly nextContent: (file: number, offset: number) => number | undefined;
  /** Where the first hole at or after an offset begins that lies in content; the end of a file is one. */
  readonly nextHole: (file: number, offset: number) => number;
  /** Sets both times of an open file. */
  readonly setTime: (file: number, time: Moment) => void;
  /** Sets both times of what is at a path; of a symbolic link its own. */
  readonly setTimeAt: (path: string | Buffer, time: Moment) => void;
};

/** The calls, or why there are none. */
export type LoadedCalls = { readonly calls: NativeCalls } | { readonly calls: undefined; readonly why: string };

/** Constants of <unistd.h> and <fcntl.h>, which differ. */
const platforms: Readonly<Record<string, Constants>> = {
  linux: { seekData: 3, seekHole: 4, atCwd: -100, atNoFollow: 0x100 },
  darwin: { seekData: 4, seekHole: 3, atCwd: -2, atNoFollow: 0x20 },
};
type Constants = {
  readonly seekData: number;
  readonly seekHole: number;
  readonly atCwd: number;
  readonly atNoFollow: number;
};

let loaded: Promise<LoadedCalls> | undefined;

/** Loads them, once. */
export function loadNativeCalls(): Promise<LoadedCalls> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<LoadedCalls> {
  const numbers = platforms[process.platform];
  if (!numbers) return { calls: undefined, why: `they are not known on ${process.platform}` };
  try {
    const { default: koffi } = await import('koffi');
    // off_t and time_t have 32 bits there, and a call that is told otherwise sets a wrong time without a word.
    if (koffi.sizeof('long') !== 8) return { calls: undefined, why: `they are not known on ${process.arch}` };
    return { calls: callsOf(koffi, numbers) };
  } catch (cause) {
    return { calls: undefined, why: messageOf(cause).split('\n', 1).join() };
  }
}

type Koffi = typeof import('koffi')['default'];

function callsOf(koffi: Koffi, { seekData, seekHole, atCwd, atNoFollow }: Constants): NativeCalls {
  const library = koffi.load(null);
  const lseek = library.func('int64_t lseek(int file, int64_t offset, int whence)');
  const futimens = library.func('int futimens(int file, const void *times)');
  const utimensat = library.func('int utimensat(int folder, const void *path, const void *times, int flags)');
  const made = (syscall: string, result: unknown): number => {
    if (typeof result !== 'number') throw new Error(`${syscall} gave ${String(result)}`);
    if (result < 0) throw systemError(koffi.errno(), syscall);
    return result;
  };
  return {
    nextContent(file, offset) {
      try {
        return made('lseek', lseek(file, offset, seekData));
      } catch (cause) {
        if (isError(cause, constants.errno.ENXIO)) return undefined;
        throw cause;
      }
    },
    nextHole: (file, offset) => made('lseek', lseek(file, offset, seekHole)),
    setTime: (file, time) => void made('futimens', futimens(file, twice(time))),
    setTimeAt: (path, time) => void made('utimensat', utimensat(atCwd, cString(path), twice(time), atNoFollow)),
  };
}

/** Two struct timespec, of the last use and of the last change; on every platform above both numbers have 64 bits. */
function twice({ seconds, nanoseconds }: Moment): BigInt64Array {
  return BigInt64Array.of(BigInt(seconds), BigInt(nanoseconds), BigInt(seconds), BigInt(nanoseconds));
}

function cString(path: string | Buffer): Buffer {
  return Buffer.concat([typeof path === 'string' ? Buffer.from(path) : path, Buffer.alloc(1)]);
}

function systemError(errno: number, syscall: string): Error {
  const [code, words] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, 'unknown error'];
  return Object.assign(new Error(`${code}: ${words}, ${syscall}`), { code, errno: -errno, syscall });
}

function isError(thrown: unknown, errno: number): boolean {
  return thrown instanceof Error && 'errno' in thrown && thrown.errno === -errno;
}
