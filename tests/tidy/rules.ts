// All rules of the repository about itself. A new rule is a file here, a line below, and a test that breaks it.
import { arrows } from './arrows.ts';
import { capabilities } from './capabilities.ts';
import { commands } from './commands.ts';
import { foreignWords } from './foreign-words.ts';
import { generatedDocs } from './generated-docs.ts';
import { links } from './links.ts';
import { markers } from './markers.ts';
import { migrations } from './migrations.ts';
import { openingNotes } from './opening-notes.ts';
import { refusalCodes } from './refusal-codes.ts';
import type { Rule } from './repository.ts';
import { sealed } from './sealed.ts';
import { services } from './services.ts';
import { sizes } from './sizes.ts';
import { words } from './words.ts';

export const rules: readonly Rule[] = [
  arrows,
  capabilities,
  sealed,
  sizes,
  words,
  openingNotes,
  links,
  commands,
  generatedDocs,
  refusalCodes,
  migrations,
  services,
  markers,
  foreignWords,
];
