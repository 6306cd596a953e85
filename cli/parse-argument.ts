// Arguments that are not text: each says what it wants when it gets something else.
import { usageFailure } from './failure.ts';

function integer(text: string, name: string): bigint {
  if (!/^-?\d{1,19}$/.test(text)) throw usageFailure(`${name} must be a whole number, not "${text}"`);
  return BigInt(text);
}

/** An id: a positive whole number. */
export function parseId(text: string): bigint {
  const id = integer(text, 'an id');
  if (id <= 0n || id >= 2n ** 63n) throw usageFailure(`an id must be a positive whole number, not "${text}"`);
  return id;
}

/** For `option(…, parser)`: a whole number within the bounds. */
export function wholeNumberArgument(name: string, minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = integer(text, name);
    if (value < minimum || value > maximum) {
      throw usageFailure(`${name} must be from ${minimum} to ${maximum}, not ${text}`);
    }
    return Number(value);
  };
}
