// Takes a connection URL apart for the driver and for sentences, which never show its password.

/** @returns `host:port/database` of a connection URL. */
export function describeUrl(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url);
    return `${hostname}:${port === '' ? '5432' : port}${pathname}`;
  } catch {
    return 'the given URL';
  }
}

/**
 * What every connection begins with. Unqualified names mean `public`: with PostgreSQL's own default a role that is
 * called `tradepost` would find, and make, its tables in the schema of that name. Options in the URL come after.
 */
export function connectionSettings(url: string): { connectionString: string; options: string } {
  const parsed = URL.parse(url);
  if (parsed === null) {
    throw new Error('A database URL looks like postgresql://role:password@host:5432/database: correct it.');
  }
  const own = parsed.searchParams.get('options') ?? '';
  parsed.searchParams.delete('options');
  return { connectionString: parsed.href, options: `-c search_path=public ${own}`.trimEnd() };
}

/** @returns the same server and role, another database. */
export function withDatabaseName(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.href;
}
