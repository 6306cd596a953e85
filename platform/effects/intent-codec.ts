// Intents and causes as jsonb: plain values, and the three that JSON has no form for, each as an object with one key.
// A row outlives the code that wrote it, so a form that is here once is read for good.

type Encoded = { readonly $bigint: string } | { readonly $date: string } | { readonly $bytes: string };

/** @throws for what has no stable form: functions, symbols, class instances. */
export function encodeIntent(value: unknown): string {
  return JSON.stringify(toJson(value));
}

/** @param json the parsed jsonb. */
export function decodeIntent(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(decodeIntent);
  if (typeof json !== 'object' || json === null) return json;
  const entries = Object.entries(json);
  if (entries.length === 1 && entries[0] !== undefined) {
    const special = decodeSpecial(entries[0][0], entries[0][1]);
    if (special !== undefined) return special;
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, decodeIntent(value)]));
}

function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) } satisfies Encoded;
  if (value instanceof Date) return { $date: value.toISOString() } satisfies Encoded;
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') } satisfies Encoded;
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : toJson(item)));
  if (typeof value === 'object' && value !== null) return objectToJson(value);
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`an intent holds plain values, not a ${typeof value}`);
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`an intent cannot hold ${value}`);
  return value;
}

function objectToJson(value: object): unknown {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`an intent holds plain values, not a ${value.constructor.name}`);
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([name, item]) => [name, toJson(item)]));
}

function decodeSpecial(name: string, text: unknown): unknown {
  if (typeof text !== 'string') return undefined;
  if (name === '$bigint') return BigInt(text);
  if (name === '$date') return new Date(text);
  return name === '$bytes' ? new Uint8Array(Buffer.from(text, 'base64')) : undefined;
}
