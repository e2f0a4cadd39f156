/** Moments as they are typed and shown: ISO 8601. One that is typed without a zone is local. */
import { z } from 'zod';

const written =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?)?(?: ?(Z|[+-]\d{2}(?::?\d{2})?))?$/i;

/** A moment as an option or an argument, in milliseconds since the epoch. */
export const momentSchema = z.string().transform((text, context) => {
  const moment = momentOf(text);
  if (moment !== undefined) return moment;
  context.addIssue({ code: 'custom', message: `"${text}" is no time; write 2026-09-12T14:00, with or without a zone` });
  return z.NEVER;
});

/** The moment in milliseconds since the epoch; undefined for what is none, or is before 1970. */
export function momentOf(text: string): number | undefined {
  const match = written.exec(text.trim());
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = match;
  const fields = [year, month, day, hour, minute, second].map(Number);
  const millis = Number(fraction.padEnd(3, '0'));
  const moment = zone === undefined ? localMoment(fields, millis) : momentInZone(fields, millis, zone);
  return moment === undefined || moment < 0 ? undefined : moment;
}

/** Such as `2026-09-12T14:00:00+02:00`: local, to the second, with the zone. */
export function formatMoment(millis: number): string {
  const date = new Date(millis);
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${new Date(millis + offset * 60_000).toISOString().slice(0, 19)}${zone}`;
}

/** A day that is not in the calendar, or an hour that a change of clocks skipped, comes out as another and is none. */
function localMoment(fields: readonly number[], millis: number): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  const date = new Date(year, month - 1, day, hour, minute, second, millis);
  const back = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return same([...back, ...time], fields) ? date.getTime() : undefined;
}

function momentInZone(fields: readonly number[], millis: number, zone: string): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second, millis));
  const back = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  const offset = offsetOf(zone);
  return same([...back, ...time], fields) && offset !== undefined ? date.getTime() - offset : undefined;
}

function offsetOf(zone: string): number | undefined {
  if (zone.toUpperCase() === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(3).replace(':', '') || 0)];
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

function same(one: readonly number[], other: readonly number[]): boolean {
  return one.every((value, index) => value === other[index]);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
