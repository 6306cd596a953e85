// Links of the documents lead somewhere: files, headings, and the paths that a document names in code font.
import { posix } from 'node:path';
import { type Fault, lineAt, type Repository, type Rule, type SourceFile } from './repository.ts';

const LINK = /\[[^\]\n]*\]\(([^()\s]+)\)/g;
const NAMED_PATH = /`((?:contracts|platform|services|cli|deploy|tests|bench|docs|tools|examples|console)\/[\w./-]*)`/g;

/** Anchors as they are made of headings: lower case, punctuation dropped, spaces to dashes, repeats numbered. */
export function anchorsOf(markdown: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutFences(markdown).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

/** Fenced blocks emptied, lines kept. */
function withoutFences(markdown: string): string {
  return markdown.replaceAll(/^```[\s\S]*?^```/gm, (block) => block.replaceAll(/[^\n]/g, ''));
}

function follow(repository: Repository, from: string, target: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return undefined;
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? from : posix.normalize(posix.join(posix.dirname(from), file)).replace(/\/$/, '');
  if (!repository.has(path)) return `leads to ${path}, which does not exist`;
  if (anchor === undefined || !path.endsWith('.md')) return undefined;
  const text = repository.files.find((candidate) => candidate.path === path)?.text ?? '';
  return anchorsOf(text).has(anchor) ? undefined : `leads to a heading #${anchor} that ${path} does not have`;
}

function judge(repository: Repository, { path, text }: SourceFile): Fault[] {
  const prose = withoutFences(text);
  const links = [...prose.matchAll(LINK)].flatMap((match) => {
    const says = follow(repository, path, match[1] as string);
    return says === undefined ? [] : [{ path, line: lineAt(text, match.index), says }];
  });
  const names = [...prose.matchAll(NAMED_PATH)].flatMap((match) => {
    const named = match[1] as string;
    if (/[A-Z]{3}/.test(named) || repository.has(named)) return [];
    return [{ path, line: lineAt(text, match.index), says: `names ${named}, which does not exist` }];
  });
  return [...links, ...names];
}

export const links: Rule = {
  name: 'links and paths in the documents lead somewhere',
  check: (repository): Fault[] =>
    repository.files.filter(({ path }) => path.endsWith('.md')).flatMap((file) => judge(repository, file)),
};
