// Whether the caller takes JSON (RFC 9110, 12.5.1): the most specific range that fits decides.

export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '' || accept === '*/*' || accept === 'application/json') return true;
  let best = -1;
  let quality = 0;
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const precision = ['*/*', 'application/*', 'application/json'].indexOf(type);
    if (precision <= best) continue;
    best = precision;
    const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    quality = q === undefined ? 1 : Number(q);
  }
  return quality > 0;
}

/** JSON without a charset, or with UTF-8. */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === undefined || contentType === 'application/json') return true;
  const [type, ...parameters] = contentType.split(';').map((part) => part.trim().toLowerCase());
  if (type !== 'application/json') return false;
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice(8);
  return charset === undefined || charset.replaceAll('"', '') === 'utf-8' || charset === 'utf8';
}
