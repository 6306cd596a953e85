// The schema as text, in an order that depends on names only, to be kept in the repository and compared. Read from the
// catalogue, because the embedded server brings no pg_dump.
import type { Queryable } from './database.ts';

const SCHEMAS = `n.nspname not in ('information_schema') and n.nspname !~ '^pg_'`;
const NOT_OF_AN_EXTENSION = (catalogue: string, column: string): string =>
  `not exists (
    select 1 from pg_depend d where d.classid = '${catalogue}'::regclass and d.objid = ${column} and d.deptype = 'e')`;

const TABLES = `
  select format('%I.%I', n.nspname, c.relname) as name,
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as kind,
    case when c.relkind = 'p' then ' partition by ' || pg_get_partkeydef(c.oid) else '' end
      || case when c.relispartition
           then ' partition of ' || (select inhparent::regclass::text from pg_inherits where inhrelid = c.oid)
             || ' ' || pg_get_expr(c.relpartbound, c.oid) else '' end
      || case when c.relpersistence = 'u' then ' unlogged' else '' end
      || coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', '') as tail,
    case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid, true) end as definition,
    (select array_agg(format('%I %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attidentity <> '' then ' generated as identity'
             when a.attgenerated <> '' then ' generated always as (' || pg_get_expr(f.adbin, f.adrelid) || ')'
             else coalesce(' default ' || pg_get_expr(f.adbin, f.adrelid), '') end,
        case when a.attnotnull then ' not null' else '' end) order by a.attnum)
      from pg_attribute a left join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select array_agg(format('constraint %I %s', k.conname, pg_get_constraintdef(k.oid)) order by k.conname)
      from pg_constraint k where k.conrelid = c.oid and k.contype <> 'n') as constraints,
    (select array_agg(pg_get_indexdef(i.indexrelid) order by i.indexrelid::regclass::text)
      from pg_index i where i.indrelid = c.oid and not exists (
        select 1 from pg_constraint k where k.conindid = i.indexrelid and k.conrelid = c.oid)) as indexes,
    (select array_agg(pg_get_triggerdef(t.oid, true) order by t.tgname)
      from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal) as triggers
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm') and ${SCHEMAS} and ${NOT_OF_AN_EXTENSION('pg_class', 'c.oid')}
  order by n.nspname collate "C", c.relname collate "C"`;

const OTHERS = `
  select 'extension' as kind, format('create extension %I;', e.extname) as text, e.extname::text as name
    from pg_extension e where e.extname <> 'plpgsql'
  union all
  select 'schema', format('create schema %I;', n.nspname), n.nspname::text
    from pg_namespace n where ${SCHEMAS} and n.nspname <> 'public'
  union all
  select 'sequence', format('create sequence %s as %s increment %s cache %s%s;', s.seqrelid::regclass,
      format_type(s.seqtypid, null), s.seqincrement, s.seqcache, case when s.seqcycle then ' cycle' else '' end),
      format('%I.%I', n.nspname, c.relname)
    from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
    where ${SCHEMAS}
      and not exists (
        select 1 from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'i')
  union all
  select 'type', format('create type %I.%I as enum (%s);', n.nspname, t.typname,
      (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
        from pg_enum e where e.enumtypid = t.oid)),
      format('%I.%I', n.nspname, t.typname)
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where t.typtype = 'e' and ${SCHEMAS} and ${NOT_OF_AN_EXTENSION('pg_type', 't.oid')}
  union all
  select 'function', rtrim(pg_get_functiondef(p.oid), E'\\n') || ';', p.oid::regprocedure::text
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where p.prokind in ('f', 'p') and ${SCHEMAS} and ${NOT_OF_AN_EXTENSION('pg_proc', 'p.oid')}`;

const KINDS_BEFORE_TABLES = ['extension', 'schema', 'type', 'sequence'];

interface TableRow {
  readonly name: string;
  readonly kind: string;
  readonly tail: string;
  readonly definition: string | null;
  readonly columns: readonly string[] | null;
  readonly constraints: readonly string[] | null;
  readonly indexes: readonly string[] | null;
  readonly triggers: readonly string[] | null;
}

interface OtherRow {
  readonly kind: string;
  readonly text: string;
  readonly name: string;
}

/**
 * @param schema only what is in this one; all without it.
 * @returns extensions, schemas, types, sequences, tables with all that hangs on them, functions.
 */
export async function schemaDump(database: Queryable, schema?: string): Promise<string> {
  // An empty path makes the server print every name with its schema.
  const rows = await database.query<{ tables: TableRow[] | null; others: OtherRow[] | null }>(
    `with path as materialized (select set_config('search_path', 'pg_catalog', true)),
       listed as (select row_to_json(t) as row from path, lateral (${TABLES}) t),
       other as (select row_to_json(o) as row from path, lateral (${OTHERS}) o)
     select (select json_agg(row) from listed) as tables, (select json_agg(row) from other) as others`,
    [],
  );
  const isWanted = ({ name }: { name: string }): boolean => schema === undefined || name.startsWith(`${schema}.`);
  const tables = (rows[0]?.tables ?? []).filter(isWanted).map(printTable);
  const others = (rows[0]?.others ?? [])
    .filter(isWanted)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const printed = (kind: string): string[] => others.filter((row) => row.kind === kind).map((row) => row.text);
  const parts = [...KINDS_BEFORE_TABLES.map((kind) => printed(kind).join('\n')), ...tables, ...printed('function')];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function printTable(table: TableRow): string {
  if (table.definition !== null) return `create ${table.kind} ${table.name} as\n${table.definition}`;
  const lines = [...(table.columns ?? []), ...(table.constraints ?? [])].map((line) => `  ${line}`).join(',\n');
  const after = [...(table.indexes ?? []), ...(table.triggers ?? [])].map((line) => `\n${line};`).join('');
  return `create table ${table.name} (\n${lines}\n)${table.tail};${after}`;
}
