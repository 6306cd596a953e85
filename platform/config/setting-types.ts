// Types for settings: each takes the text of an environment variable or a flag as well as a file's value, and its
// message completes the sentence "http.port …".
import { z } from 'zod';

function asNumber(value: unknown): unknown {
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
}

/** A whole number within the bounds, both inclusive. */
export function wholeNumber(minimum: number, maximum: number): z.ZodType<number> {
  const error = `must be a whole number from ${minimum} to ${maximum}`;
  return z.preprocess(asNumber, z.number({ error }).int({ error }).min(minimum, { error }).max(maximum, { error }));
}

/** A TCP port; 0 lets the system choose. */
export const port: z.ZodType<number> = wholeNumber(0, 65535);

/** A number within the bounds, both inclusive. */
export function decimal(minimum: number, maximum: number): z.ZodType<number> {
  const error = `must be a number from ${minimum} to ${maximum}`;
  return z.preprocess(asNumber, z.number({ error }).min(minimum, { error }).max(maximum, { error }));
}

const WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

/** `true/false`, `yes/no`, `on/off`, `1/0`. */
export const onOff: z.ZodType<boolean> = z.preprocess(
  (value) => WORDS[String(value).trim().toLowerCase()] ?? value,
  z.boolean({ error: 'must be true or false' }),
);

/** Any text that is not empty. */
export const text: z.ZodType<string> = z.preprocess(
  (value) => (typeof value === 'number' || typeof value === 'boolean' ? String(value) : value),
  z.string({ error: 'must be text' }).trim().min(1, { error: 'must not be empty' }),
);

/** A text that nobody guesses. */
export const secretText: z.ZodType<string> = z
  .string({ error: 'must be text' })
  .trim()
  .min(16, { error: 'must have at least 16 characters' });

export const optionalText: z.ZodType<string | undefined> = text.optional();

/** One of the words, without regard to case. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words): z.ZodType<Words[number]> {
  return z.preprocess(
    (value) => (typeof value === 'string' ? value.trim().toLowerCase() : value),
    z.enum(words, { error: `must be one of ${words.join(', ')}` }),
  );
}

/** An absolute URL of one of the schemes, given without `:`. */
export function urlOf(...schemes: readonly string[]): z.ZodType<string> {
  const error = `must be a URL such as ${schemes[0]}://host`;
  return z
    .string({ error })
    .trim()
    .refine((value) => URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)), { error });
}

/** A list in a file, or text with commas. */
export const textList: z.ZodType<readonly string[]> = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? value
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== '')
      : value,
  z.array(z.string(), { error: 'must be a list, or text with commas' }),
);
