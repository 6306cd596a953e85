// How values of PostgreSQL arrive: int8 and xid8 as bigint (arrays too), everything else as the driver does it, which
// is Date for timestamptz, Buffer for bytea, a parsed value for jsonb, text for numeric.
import pg from 'pg';

const INT8 = 20;
const INT8_ARRAY = 1016;
const XID8 = 5069;
const XID8_ARRAY = 271;
const TEXT_ARRAY = 1009 as number as Parameters<typeof pg.types.getTypeParser>[0];

type Parse = (text: string) => unknown;

const toBigInt: Parse = (text) => BigInt(text);
// The driver's reader of text[] takes any array literal.
const textArray = pg.types.getTypeParser(TEXT_ARRAY) as (text: string) => unknown[];
const toBigIntArray: Parse = (text) => textArray(text).map(bigIntOrNull);

function bigIntOrNull(item: unknown): unknown {
  return Array.isArray(item) ? item.map(bigIntOrNull) : item === null ? null : BigInt(item as string);
}

const PARSERS = new Map<number, Parse>([
  [INT8, toBigInt],
  [XID8, toBigInt],
  [INT8_ARRAY, toBigIntArray],
  [XID8_ARRAY, toBigIntArray],
]);

export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    PARSERS.get(oid) ?? pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
};
