// google.protobuf.Timestamp as RFC 3339 text: written in UTC with as many digits as there are, read with any offset.
// By hand rather than through Date, which takes 1 to 2 µs a value: most of the time of a whole message.
import { create } from '@bufbuild/protobuf';
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';

const FORM = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;
const DAY_SECONDS = 86_400;
/** 0001-01-01 and 9999-12-31T23:59:59, in seconds: what RFC 3339 can express. */
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const TWO_DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

// Times that are written together mostly fall on one day.
let lastDay = Number.NaN;
let lastDate = '';

/**
 * @returns `2026-11-21T05:00:00Z`, with 3, 6 or 9 decimals where the time has them.
 * @throws RangeError outside the years 1 to 9999.
 */
export function formatTimestamp(timestamp: Timestamp): string {
  const seconds = Number(timestamp.seconds);
  if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)) throw new RangeError(`${seconds} s is no time of RFC 3339`);
  const day = Math.floor(seconds / DAY_SECONDS);
  if (day !== lastDay) {
    lastDate = new Date(day * DAY_SECONDS * 1000).toISOString().slice(0, 11);
    lastDay = day;
  }
  const inDay = seconds - day * DAY_SECONDS;
  const minutes = Math.floor(inDay / 60);
  const hour = TWO_DIGITS[Math.floor(minutes / 60)];
  return `${lastDate}${hour}:${TWO_DIGITS[minutes % 60]}:${TWO_DIGITS[inDay % 60]}${fraction(timestamp.nanos)}Z`;
}

function fraction(nanos: number): string {
  if (nanos === 0) return '';
  if (nanos % 1_000_000 === 0) return `.${String(nanos / 1_000_000).padStart(3, '0')}`;
  if (nanos % 1000 === 0) return `.${String(nanos / 1000).padStart(6, '0')}`;
  return `.${String(nanos).padStart(9, '0')}`;
}

/** @returns undefined when the text is no time of RFC 3339. A leap second counts as the second before it. */
export function parseTimestamp(text: string): Timestamp | undefined {
  if (!FORM.test(text)) return undefined;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const offset = offsetSeconds(text);
  if (offset === undefined) return undefined;
  const seconds =
    daysSinceEpoch(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + Math.min(second, 59) - offset;
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS) return undefined;
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: nanosOf(text) });
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48;
}

function daysOf(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (MONTH_DAYS[month - 1] as number);
}

/** Days from 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that leap days come last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + dayOfYear - 719_468;
}

function offsetSeconds(text: string): number | undefined {
  const sign = text.charCodeAt(text.length - 6);
  if (sign !== 43 && sign !== 45) return 0;
  const hours = twoDigits(text, text.length - 5);
  const minutes = twoDigits(text, text.length - 2);
  if (hours > 23 || minutes > 59) return undefined;
  return (hours * 60 + minutes) * (sign === 45 ? -60 : 60);
}

function nanosOf(text: string): number {
  if (text.charCodeAt(19) !== 46) return 0;
  let nanos = 0;
  for (let at = 20, scale = 100_000_000; scale >= 1; at++, scale /= 10) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) break;
    nanos += digit * scale;
  }
  return nanos;
}
