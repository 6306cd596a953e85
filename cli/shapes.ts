// How messages are shown: which fields a table has, and their JSON as the REST interface writes it.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { encodeJson, formatTimestamp } from '@tradepost/platform/json';
import type { Column, Shape } from './output.ts';

/** Columns of a message, with its JSON from the schema. */
export function messageShape<M extends DescMessage>(
  schema: M,
  columns: readonly Column<MessageShape<M>>[],
): Shape<MessageShape<M>> {
  return { columns, json: (message) => JSON.parse(encodeJson(schema, message)) as unknown };
}

export function timeText(timestamp: Timestamp | undefined): string {
  return timestamp === undefined ? '' : String(formatTimestamp(timestamp));
}

/** `07:12:33` of today, else the date too; local time. */
export function shortTime(timestamp: Timestamp | undefined): string {
  if (timestamp === undefined) return '';
  const date = new Date(Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}
