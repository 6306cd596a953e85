// `/openapi.json` and the explorer at `/docs`: static files of our own, which ask no other origin for anything.
import { readFileSync } from 'node:fs';
import { bodyTag, noneMatchHits } from './conditional.ts';
import type { Exchange } from './exchange.ts';
import type { PlainHandler } from './health.ts';

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const FILES = [
  { path: '/docs', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/docs/explorer.css', file: 'explorer.css', type: 'text/css; charset=utf-8' },
  { path: '/docs/explorer.js', file: 'explorer.js', type: 'text/javascript; charset=utf-8' },
  { path: '/docs/operation.js', file: 'operation.js', type: 'text/javascript; charset=utf-8' },
];

/** @returns handlers by path. */
export function docsPages(openApi: object): Map<string, PlainHandler> {
  const pages = FILES.map(({ path, file, type }): [string, PlainHandler] => {
    const text = readFileSync(new URL(`docs-page/${file}`, import.meta.url), 'utf8');
    const headers = { 'content-type': type, 'content-security-policy': POLICY, 'referrer-policy': 'no-referrer' };
    return [path, staticHandler(text, headers)];
  });
  const document = staticHandler(JSON.stringify(openApi), { 'content-type': 'application/json' });
  return new Map([...pages, ['/openapi.json', document]]);
}

function staticHandler(text: string, headers: Record<string, string>): PlainHandler {
  const etag = bodyTag(text);
  const all = { ...headers, etag, 'cache-control': 'no-cache' };
  return (exchange: Exchange) => {
    const noneMatch = exchange.raw.headers['if-none-match'];
    if (noneMatch !== undefined && noneMatchHits(noneMatch, etag)) exchange.answer(304, { etag }, '');
    else exchange.answer(200, all, text);
  };
}
