// Prints `docs/events.md` from the event catalogue: every topic, what it carries, and an example of each value.
import { type DescField, getOption, ScalarType } from '@bufbuild/protobuf';
import type { EventDeclaration } from '@tradepost/contracts/declare-event';
import { events } from '@tradepost/contracts/events';
import { example } from '@tradepost/contracts/options';

const INTRODUCTION = `# Events

Generated from \`contracts/proto\` by \`npm run generate\`; do not edit.

Events are CloudEvents 1.0 in binary mode: the value is the JSON below, everything else is in the headers (\`ce_id\`,
\`ce_source\`, \`ce_type\`, \`ce_time\`, \`ce_partitionkey\`, \`ce_sequence\`, …). Order holds per producer, topic and key. Only the
owner publishes; delivery is at least once, and \`ce_id\` is the same at every delivery and replay.
`;

/** Every declared event, by topic. */
export function listEvents(): EventDeclaration[] {
  const all: EventDeclaration[] = Object.values(events);
  return all.sort((a, b) => compare(`${a.topic} ${a.name}`, `${b.topic} ${b.name}`));
}

// Not by the reader's locale: the page has to come out the same everywhere.
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function printEventDocs(): string {
  const declared = listEvents();
  const overview = [
    '| Topic | Event | Owner | Key | Partitions |',
    '| --- | --- | --- | --- | --- |',
    ...declared.map(
      ({ topic, name, owner, keyField, partitions }) =>
        `| \`${topic}\` | [\`${name}\`](#${name.toLowerCase()}) | ${owner} | \`${keyField.name}\` | ${partitions} |`,
    ),
    '',
  ].join('\n');
  return [INTRODUCTION, overview, ...declared.map(printEvent)].join('\n');
}

function printEvent(event: EventDeclaration): string {
  const value = { ...(event.eventType ? { event_type: event.eventType } : {}), ...exampleOf(event) };
  return [
    `## ${event.name}`,
    '',
    event.summary,
    '',
    `Type \`${event.type}\`, topic \`${event.topic}\`${event.foreign ? ', plain records of others are accepted' : ''}.`,
    '',
    '```json',
    JSON.stringify(value),
    '```',
    '',
  ].join('\n');
}

function exampleOf(event: EventDeclaration): Record<string, unknown> {
  return Object.fromEntries(event.payload.fields.map((field) => [field.name, exampleValue(field)]));
}

/** The example that the field declares; else one made from its type. */
function exampleValue(field: DescField): unknown {
  const declared = getOption(field, example);
  if (declared !== '') return JSON.parse(declared);
  if (field.message?.typeName === 'google.protobuf.Timestamp') return '2026-11-21T09:30:00Z';
  if (field.fieldKind === 'list') return [];
  return field.scalar === ScalarType.STRING ? '' : 0;
}
