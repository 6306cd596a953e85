// The generated pages say what the code says, and nothing that it does not say: they are printed anew and compared.
import { generateDocs } from '../../tools/generate-docs.ts';
import type { Fault, Rule } from './repository.ts';

/** @param printDocs by default the real generator. @returns a rule on the pages that it prints. */
export function generatedDocsFrom(printDocs: () => Promise<ReadonlyMap<string, string>>): Rule {
  return {
    name: 'generated pages are in step with the code',
    check: async ({ files }): Promise<Fault[]> => {
      const printed = await printDocs();
      return [...printed].flatMap(([path, text]) => {
        const onDisk = files.find((file) => file.path === path)?.text ?? '';
        return onDisk === text ? [] : [{ path, says: `${firstDifference(onDisk, text)}: run npm run generate` }];
      });
    },
  };
}

function firstDifference(onDisk: string, printed: string): string {
  const has = onDisk.split('\n');
  const should = printed.split('\n');
  const lost = should.find((line) => !has.includes(line));
  if (lost !== undefined) return `lacks "${lost}"`;
  const extra = has.find((line) => !should.includes(line));
  return extra === undefined ? 'is in another order' : `has "${extra}", which the code does not have`;
}

export const generatedDocs = generatedDocsFrom(generateDocs);
