// Blanks out what is not code: comments, and the insides of strings, templates and regular expressions. Offsets and
// lines stay as they are, so that a rule finds code without a parser and reports the right place.

// After one of these a slash starts a regular expression, not a division.
const BEFORE_REGEX =
  /(?:^|[([{,;:=!&|?+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else|throw|void|delete|await|yield))$/;

export function blankOut(source: string): string {
  const out = source.split('');
  // One entry per open template: the depth of braces inside its current `${`.
  const templates: number[] = [];
  let at = 0;

  const blank = (from: number, to: number): void => {
    for (let i = from; i < to && i < out.length; i += 1) if (out[i] !== '\n') out[i] = ' ';
  };
  /** From behind an opening backtick or a closing brace to the end of that stretch of the template. */
  const skipTemplate = (): void => {
    const start = at;
    while (at < source.length) {
      if (source[at] === '\\') at += 1;
      else if (source[at] === '`') {
        blank(start, at);
        at += 1;
        return;
      } else if (source.startsWith('${', at)) {
        blank(start, at);
        at += 2;
        templates.push(0);
        return;
      }
      at += 1;
    }
    blank(start, at);
  };
  const skipTo = (end: string, blankFrom: number, keepEnd: number): void => {
    const found = source.indexOf(end, at);
    at = found < 0 ? source.length : found + end.length;
    blank(blankFrom, found < 0 ? at : at - keepEnd);
  };

  while (at < source.length) {
    const char = source[at] as string;
    if (source.startsWith('//', at)) skipTo('\n', at, 1);
    else if (source.startsWith('/*', at)) skipTo('*/', at, 0);
    else if (char === "'" || char === '"') at = blankQuoted(source, at, char, blank);
    else if (
      char === '/' &&
      BEFORE_REGEX.test(
        out
          .slice(Math.max(0, at - 40), at)
          .join('')
          .trimEnd(),
      )
    )
      at = blankRegex(source, at, blank);
    else {
      at += 1;
      if (char === '`') skipTemplate();
      else if (templates.length > 0 && char === '{') templates[templates.length - 1] = depth(templates) + 1;
      else if (templates.length > 0 && char === '}') {
        if (depth(templates) > 0) templates[templates.length - 1] = depth(templates) - 1;
        else {
          templates.pop();
          skipTemplate();
        }
      }
    }
  }
  return out.join('');
}

const depth = (templates: readonly number[]): number => templates.at(-1) ?? 0;

function blankQuoted(source: string, from: number, quote: string, blank: (a: number, b: number) => void): number {
  let at = from + 1;
  while (at < source.length && source[at] !== quote && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1;
  blank(from + 1, at);
  return at + 1;
}

function blankRegex(source: string, from: number, blank: (a: number, b: number) => void): number {
  let at = from + 1;
  let inClass = false;
  while (at < source.length && source[at] !== '\n' && (inClass || source[at] !== '/')) {
    if (source[at] === '\\') at += 1;
    else if (source[at] === '[') inClass = true;
    else if (source[at] === ']') inClass = false;
    at += 1;
  }
  blank(from + 1, at);
  return at + 1;
}
