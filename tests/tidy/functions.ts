// Finds functions and their lengths in a skeleton, by their braces: declarations, methods and arrows with a body.
import { lineAt, type SourceFile } from './repository.ts';

export interface FoundFunction {
  readonly name: string;
  readonly line: number;
  /** Lines of the body, without those of the functions inside it: a factory is as long as its own code. */
  readonly ownLines: number;
}

const NOT_FUNCTIONS = new Set(['if', 'for', 'while', 'switch', 'catch', 'with']);

interface Open {
  readonly name: string | undefined;
  readonly line: number;
  inner: number;
}

/** @returns every function of the file, the inner ones first. */
export function functionsOf({ skeleton }: SourceFile): FoundFunction[] {
  const found: FoundFunction[] = [];
  const open: Open[] = [];
  for (const { index } of skeleton.matchAll(/[{}]/g)) {
    const line = lineAt(skeleton, index);
    if (skeleton[index] === '{') {
      open.push({ name: functionName(skeleton.slice(Math.max(0, index - 1500), index)), line, inner: 0 });
      continue;
    }
    const closed = open.pop();
    if (closed === undefined) continue;
    const lines = line - closed.line + 1;
    const parent = open.at(-1);
    if (closed.name === undefined) {
      if (parent) parent.inner += closed.inner;
      continue;
    }
    found.push({ name: closed.name, line: closed.line, ownLines: lines - closed.inner });
    if (parent) parent.inner += Math.max(0, lines - 1);
  }
  return found;
}

/** The name of the function whose body starts after `before`, or nothing when that brace opens something else. */
function functionName(before: string): string | undefined {
  const head = before.trimEnd();
  if (head.endsWith('=>')) return /\b(?:const|let)\s+(\w+)[^;{}]*=>$/.exec(head)?.[1] ?? 'arrow';
  const close = closingOfParameters(head);
  if (close < 0) return undefined;
  let depth = 0;
  for (let at = close; at >= 0; at -= 1) {
    if (head[at] === ')') depth += 1;
    if (head[at] === '(') depth -= 1;
    if (depth > 0) continue;
    const name = /(\w+)\s*(?:<[^()]*>)?\s*$/.exec(head.slice(0, at))?.[1];
    return name === undefined || NOT_FUNCTIONS.has(name) ? undefined : name;
  }
  return undefined;
}

/** The parenthesis that closes the parameters, possibly with a return type behind it. */
function closingOfParameters(head: string): number {
  if (head.endsWith(')')) return head.length - 1;
  const typed = /\)\s*:\s*[^;{}()=]*$/.exec(head);
  return typed === null || /\?[^?:]*\)\s*:/.test(typed[0]) ? -1 : typed.index;
}
