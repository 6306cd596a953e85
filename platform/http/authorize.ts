// Who may call what, before accounts exist: feeds show the configured API key, where there is one. The same hook
// stands before REST and gRPC.
import { createHash, timingSafeEqual } from 'node:crypto';
import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { Access, access } from '@tradepost/contracts/options';
import { defineRefusals } from '../errors/index.ts';
import type { Caller } from '../service/context.ts';

/** What proves who calls; never logged. */
export interface Credentials {
  readonly authorization?: string;
  readonly apiKey?: string;
}

/** @returns who calls. @throws Refusal when they may not call this method. */
export type Authorize = (method: DescMethod, credentials: Credentials) => Caller | Promise<Caller>;

export const refuseAccess = defineRefusals({
  api_key_required: {
    status: 'UNAUTHENTICATED',
    title: 'API key required',
    detail: (_: object) => 'This call needs an API key in the header X-API-Key',
  },
  api_key_invalid: {
    status: 'UNAUTHENTICATED',
    title: 'Invalid API key',
    detail: (_: object) => 'The API key in X-API-Key is not valid',
  },
});

const ANONYMOUS: Caller = { kind: 'anonymous' };
const FEED: Caller = { kind: 'service', name: 'feed' };

export function accessOf(method: DescMethod): Access {
  return hasOption(method, access) ? getOption(method, access) : Access.UNSPECIFIED;
}

/** Compares in a time that tells nothing of the key: of its length neither. */
export function keyMatches(expected: string, given: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}

/** Methods of access FEED need the API key where one is configured; all others are open. */
export function createAuthorize(apiKey: string | undefined): Authorize {
  return (method, credentials) => {
    if (apiKey === undefined || accessOf(method) !== Access.FEED) return ANONYMOUS;
    if (credentials.apiKey === undefined || credentials.apiKey === '') throw refuseAccess('api_key_required', {});
    if (!keyMatches(apiKey, credentials.apiKey)) throw refuseAccess('api_key_invalid', {});
    return FEED;
  };
}

/** @returns a feed for whoever shows the key; others are anonymous, and what needs the key refuses them by itself. */
export function createIdentify(apiKey: string | undefined): (credentials: Credentials) => Caller {
  return (credentials) => {
    const shown = credentials.apiKey;
    return apiKey !== undefined && shown !== undefined && keyMatches(apiKey, shown) ? FEED : ANONYMOUS;
  };
}
