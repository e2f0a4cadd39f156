/** Sets times of change: to the nanosecond where the operating system lets us, else as exactly as Node can. */
import { futimesSync, lutimesSync } from 'node:fs';
import { type LoadedCalls, loadNativeCalls, type Moment } from '../../posix/native-calls.ts';

/** Sets times. */
export type Times = {
  /** Of a file that is open. */
  readonly set: (file: number, time: Moment) => void;
  /** Of what is at a path; of a symbolic link its own. */
  readonly setAt: (path: string | Buffer, time: Moment) => void;
  /** What is not as it was; undefined when times are exact. */
  readonly note: string | undefined;
};

/** The best that there is. */
export async function loadTimes(load: () => Promise<LoadedCalls> = loadNativeCalls): Promise<Times> {
  const loaded = await load();
  if (loaded.calls) return { set: loaded.calls.setTime, setAt: loaded.calls.setTimeAt, note: undefined };
  return {
    set: (file, time) => futimesSync(file, secondsOf(time), secondsOf(time)),
    setAt: (path, time) => lutimesSync(path, secondsOf(time), secondsOf(time)),
    note: `times of change are exact to a microsecond only: no call of the system sets them (${loaded.why})`,
  };
}

/** A time as Node sets it: a number of seconds, whose steps are a quarter of a microsecond in this century. */
function secondsOf({ seconds, nanoseconds }: Moment): number {
  return seconds + nanoseconds / 1e9;
}
