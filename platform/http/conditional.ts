// Entity tags (RFC 9110, 8.8.3 and 13.1): the revision of a thing that has one, otherwise a digest of its bytes.
import { hash } from 'node:crypto';
import type { Message } from '@bufbuild/protobuf';

/** @returns the tag of a thing with a `revision`, undefined for one without. */
export function revisionTag(resource: Message | undefined): string | undefined {
  const revision = (resource as { revision?: unknown } | undefined)?.revision;
  return typeof revision === 'bigint' && revision > 0n ? `"${revision}"` : undefined;
}

export function bodyTag(body: string): string {
  return `"${hash('sha1', body, 'base64url').slice(0, 22)}"`;
}

/** Whether `If-None-Match` names the tag: compared weakly, as the RFC says. */
export function noneMatchHits(header: string, tag: string): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === tag);
}
