// Files of one idea, functions that fit a screen, lines that need no scrolling. Longer ones need a reason in
// `reviewed.ts`.
import { functionsOf } from './functions.ts';
import { type Fault, isCode, isTest, type Rule, type SourceFile } from './repository.ts';
import { type Reviewed, reviewed } from './reviewed.ts';

export const MAX_FILE_LINES = 400;
export const MAX_TEST_LINES = 600;
/** About 60 is the aim; past this it has to be split. */
export const MAX_FUNCTION_LINES = 90;
export const MAX_LINE_LENGTH = 120;
/** A sentence in a string stays in one piece, so that it can be searched for. */
export const MAX_STRING_LINE_LENGTH = 160;

const isMeasured = (path: string): boolean =>
  (isCode(path) || /\.(sql|proto|js)$/.test(path)) &&
  !/^contracts\/(gen|proto\/(google|grpc))\/|\/schema\.sql$/.test(path);

function judgeLength({ path, text }: SourceFile): Fault[] {
  const lines = text.split('\n').length - 1;
  const limit = isTest(path) ? MAX_TEST_LINES : MAX_FILE_LINES;
  return lines > limit ? [{ path, says: `${lines} lines, at most ${limit}: split it by idea` }] : [];
}

function judgeWidth({ path, text }: SourceFile): Fault[] {
  return text.split('\n').flatMap((line, index) => {
    const isSentence = isCode(path) && /['"`]/.test(line) && !/^\s*(\/\/|\*|\/\*)/.test(line);
    const limit = isSentence ? MAX_STRING_LINE_LENGTH : MAX_LINE_LENGTH;
    const says = `${line.length} characters, at most ${limit}`;
    return line.length > limit ? [{ path, line: index + 1, says }] : [];
  });
}

function judgeFunctions(file: SourceFile): (Fault & { function: string })[] {
  if (!isCode(file.path)) return [];
  return functionsOf(file)
    .filter(({ ownLines }) => ownLines > MAX_FUNCTION_LINES)
    .map(({ name, line, ownLines }) => {
      const says = `${name} has ${ownLines} lines of its own, at most ${MAX_FUNCTION_LINES}: keep the control flow, `;
      return { path: file.path, line, function: name, says: `${says}move leaves out` };
    });
}

/** @param exceptions by default those of `reviewed.ts`. */
export function sizesWith(exceptions: readonly Reviewed[]): Rule {
  return {
    name: 'files, functions and lines keep their size',
    check: ({ files }): Fault[] => {
      const measured = files.filter(({ path }) => isMeasured(path));
      const large = measured.flatMap((file) => [...judgeLength(file), ...judgeFunctions(file)]);
      const isReviewed = (fault: Fault & { function?: string }): boolean =>
        exceptions.some((entry) => entry.path === fault.path && entry.function === fault.function);
      const idle = exceptions.filter(
        (entry) => !large.some((fault: Fault & { function?: string }) => isSame(entry, fault)),
      );
      return [
        ...large.filter((fault) => !isReviewed(fault)),
        ...measured.flatMap(judgeWidth),
        ...idle.map(({ path }) => ({ path, says: 'is within the limits: remove its line from reviewed.ts' })),
      ];
    },
  };
}

const isSame = (entry: Reviewed, fault: Fault & { function?: string }): boolean =>
  entry.path === fault.path && entry.function === fault.function;

export const sizes = sizesWith(reviewed);
