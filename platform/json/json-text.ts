// Reads JSON text (RFC 8259) token by token, strictly: the reader knows where it is, so that a fault names its place.
// It never builds objects of the caller's keys, so that `__proto__` is a field name like any other.
import type { FieldFault } from '../errors/index.ts';

/** Deeper nesting is refused: it protects the stack, and no message of ours comes near it. */
export const MAX_DEPTH = 32;
/** Further faults of one text are counted only by their presence; the list must not outgrow the request. */
export const MAX_FAULTS = 50;

/** The text is not JSON at all, so that nothing else can be said about it. */
export class MalformedJson extends Error {
  readonly code: string;

  constructor(detail: string, code = 'malformed_json') {
    super(detail);
    this.code = code;
  }
}

const QUOTE = 34;
const BACKSLASH = 92;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const LITERAL_CODES = new Map([
  [116, 'true'],
  [102, 'false'],
  [110, 'null'],
]);

export type Kind = 'string' | 'number' | 'object' | 'array' | 'true' | 'false' | 'null';

export class JsonText {
  readonly text: string;
  readonly ignoreUnknown: boolean;
  readonly faults: FieldFault[] = [];
  pos = 0;
  /** How many entries of `path` point to the value being read. */
  depth = 0;
  readonly path: (string | number)[] = [];
  /** Of the number read last: its exact value where it has at most 15 digits and is an integer, otherwise NaN. */
  integer = 0;
  /** Of the number read last: where its text starts, and where its digits before any fraction end. */
  start = 0;
  digitsEnd = 0;

  constructor(text: string, ignoreUnknown: boolean) {
    this.text = text;
    this.ignoreUnknown = ignoreUnknown;
  }

  pointer(): string {
    let pointer = '';
    for (let at = 0; at < this.depth; at++) {
      pointer += `/${String(this.path[at]).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    }
    return pointer;
  }

  /** What the value being read is called in a sentence. */
  name(): string {
    if (this.depth === 0) return 'the body';
    let name = '';
    for (let at = 0; at < this.depth; at++) {
      const part = this.path[at];
      name += typeof part === 'number' ? `[${part}]` : `${at === 0 ? '' : '.'}${part}`;
    }
    return name.length > 100 ? `${name.slice(0, 100)}…` : name;
  }

  fault(code: string, detail: string): undefined {
    if (this.faults.length < MAX_FAULTS) this.faults.push({ pointer: this.pointer(), code, detail });
    return undefined;
  }

  malformed(what: string): never {
    const line = this.text.slice(0, this.pos).split('\n').length;
    const column = this.pos - this.text.lastIndexOf('\n', this.pos - 1);
    throw new MalformedJson(`the body is not valid JSON: ${what} at line ${line}, column ${column}`);
  }

  /** Skips white space. @returns the code of the next character, NaN at the end. */
  next(): number {
    const text = this.text;
    let code = text.charCodeAt(this.pos);
    while (code === 32 || code === 10 || code === 13 || code === 9) code = text.charCodeAt(++this.pos);
    return code;
  }

  /** What kind of value comes next; malformed when it is none. */
  kind(): Kind {
    const code = this.next();
    if (code === QUOTE) return 'string';
    if (code === MINUS || (code >= ZERO && code <= NINE)) return 'number';
    if (code === 123) return 'object';
    if (code === 91) return 'array';
    const literal = LITERAL_CODES.get(code);
    if (literal && this.text.startsWith(literal, this.pos)) return literal as Kind;
    return this.malformed(Number.isNaN(code) ? 'the text ends too early' : 'a value is expected');
  }

  /** Reads the string whose quote is next. @returns undefined, with a fault, for text that nothing could store. */
  string(): string | undefined {
    const text = this.text;
    const start = this.pos + 1;
    let at = start;
    let code = text.charCodeAt(at);
    while (code !== QUOTE && code !== BACKSLASH && code >= 32) code = text.charCodeAt(++at);
    if (code === QUOTE) {
      this.pos = at + 1;
      return text.slice(start, at);
    }
    return this.escaped(start, at);
  }

  private escaped(start: number, from: number): string | undefined {
    const text = this.text;
    let at = from;
    let code = text.charCodeAt(at);
    while (code !== QUOTE) {
      if (!(code >= 32)) {
        this.pos = Math.min(at, text.length);
        this.malformed(Number.isNaN(code) ? 'a string does not end' : 'a control character in a string');
      }
      at += code === BACKSLASH ? 2 : 1;
      code = text.charCodeAt(at);
    }
    this.pos = at + 1;
    let value: string;
    try {
      value = JSON.parse(text.slice(start - 1, at + 1));
    } catch {
      this.pos = start - 1;
      return this.malformed('a string with an unknown escape');
    }
    if (!value.isWellFormed()) {
      return this.fault('invalid_text', `${this.name()} contains half of a surrogate pair`);
    }
    if (value.includes('\0')) return this.fault('invalid_text', `${this.name()} must not contain the character U+0000`);
    return value;
  }

  /** Reads the number that is next, and notes what it is. @returns whether it is an integer. */
  number(): boolean {
    const text = this.text;
    let at = this.pos;
    this.start = at;
    const negative = text.charCodeAt(at) === MINUS;
    if (negative) at++;
    const first = at;
    let code = text.charCodeAt(at);
    let value = 0;
    while (code >= ZERO && code <= NINE) {
      value = value * 10 + (code - ZERO);
      code = text.charCodeAt(++at);
    }
    this.pos = at;
    if (at === first) this.malformed('a digit is expected');
    if (at - first > 1 && text.charCodeAt(first) === ZERO) this.malformed('a number with a leading zero');
    this.digitsEnd = at;
    if (code === 46 || code === 101 || code === 69) {
      this.fraction();
      // A fraction of zeros only: some languages write a whole number that they hold as a float so.
      if (!/^\.0+$/.test(text.slice(at, this.pos))) return false;
    }
    this.integer = at - first > 15 ? Number.NaN : negative ? -value : value;
    return true;
  }

  private fraction(): void {
    const rest = /(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9.eE])/y;
    rest.lastIndex = this.pos;
    if (!rest.test(this.text)) this.malformed('a digit is expected');
    this.pos = rest.lastIndex;
  }

  /** Enters an object or array. */
  enter(): void {
    if (this.depth >= MAX_DEPTH)
      throw new MalformedJson(`the body is nested deeper than ${MAX_DEPTH} levels`, 'too_deep');
    this.pos++;
    this.depth++;
  }

  /** Reads over a value whose content does not matter, checking that it is JSON. */
  skip(): void {
    const kind = this.kind();
    if (kind === 'string') this.skipString();
    else if (kind === 'number') this.number();
    else if (kind === 'object' || kind === 'array') this.skipNested(kind);
    else this.pos += kind.length;
  }

  private skipString(): void {
    const faults = this.faults.length;
    this.string();
    this.faults.length = faults;
  }

  private skipNested(kind: 'object' | 'array'): void {
    const close = kind === 'object' ? 125 : 93;
    this.enter();
    if (this.next() === close) this.pos++;
    else {
      do {
        if (kind === 'object') this.skipKey();
        this.skip();
      } while (this.more(close));
    }
    this.depth--;
  }

  private skipKey(): void {
    if (this.next() !== QUOTE) this.malformed('a field name in quotes is expected');
    this.skipString();
    this.colon();
  }

  colon(): void {
    if (this.next() !== 58) this.malformed("':' is expected");
    this.pos++;
  }

  /** After a member or element: whether another follows; consumes the comma or the closing character. */
  more(close: number): boolean {
    const code = this.next();
    if (code !== 44 && code !== close) {
      this.malformed(
        Number.isNaN(code) ? 'the text ends too early' : `',' or '${String.fromCharCode(close)}' is expected`,
      );
    }
    this.pos++;
    return code === 44;
  }

  /** After the whole value: nothing but white space may follow. */
  end(): void {
    if (!Number.isNaN(this.next())) this.malformed('more text follows the value');
  }
}
