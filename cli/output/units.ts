/** Bytes, durations and times as people read them. */

const units = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** Such as `61.2 MB`. */
export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Such as `420 ms`, `3.4 s`, `2 min 5 s`. */
export function formatMillis(millis: number | bigint): string {
  const value = Number(millis);
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 60_000) return `${(value / 1000).toFixed(1)} s`;
  return `${Math.floor(value / 60_000)} min ${Math.round((value % 60_000) / 1000)} s`;
}

/** A moment in UTC, to the second; `-` for none. */
export function formatTime(millis: number | bigint): string {
  return Number(millis) === 0 ? '-' : `${new Date(Number(millis)).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** How long ago a moment was, such as `5 min ago`. */
export function formatAgo(millis: number | bigint, now: number): string {
  if (Number(millis) === 0) return 'never';
  const seconds = Math.max(0, Math.round((now - Number(millis)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}
