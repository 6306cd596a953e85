// Completion of verbs and their subcommands for a shell.
import type { Command } from 'commander';
import { withExamples } from '../command-options.ts';
import { usageFailure } from '../failure.ts';

export function register(completion: Command): void {
  withExamples(completion, [
    'tradepost completion bash >> ~/.bashrc',
    'tradepost completion zsh > ~/.zsh/_tradepost',
    'tradepost completion fish > ~/.config/fish/completions/tradepost.fish',
  ]);
  completion.argument('<shell>', 'bash, zsh or fish').action((shell: string, _options, command: Command) => {
    const print = SHELLS[shell];
    if (print === undefined) throw usageFailure(`there is no completion for ${shell}`, 'bash, zsh or fish');
    process.stdout.write(`${print(wordsOf(command.parent as Command))}\n`);
  });
}

interface VerbWords {
  readonly name: string;
  readonly summary: string;
  /** Subcommands and long options. */
  readonly words: readonly string[];
}

function wordsOf(program: Command): VerbWords[] {
  return program.commands.map((verb) => ({
    name: verb.name(),
    summary: verb.summary(),
    words: [...verb.commands.map((command) => command.name()), ...optionsOf(verb)],
  }));
}

function optionsOf(verb: Command): string[] {
  const commands = [verb, ...verb.commands];
  const long = commands.flatMap(({ options }) => options.filter(({ hidden }) => !hidden).map((option) => option.long));
  return [...new Set([...long, '--output', '--help'])].filter((option) => typeof option === 'string');
}

const SHELLS: Readonly<Record<string, (verbs: readonly VerbWords[]) => string>> = {
  bash: (verbs) => `_tradepost() {
  local word="\${COMP_WORDS[COMP_CWORD]}"
  local words="${verbs.map(({ name }) => name).join(' ')}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "\${COMP_WORDS[1]}" in
${verbs.map(({ name, words }) => `      ${name}) words="${words.join(' ')}" ;;`).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _tradepost tradepost`,
  zsh: (verbs) =>
    `#compdef tradepost
local -a verbs words
verbs=(${verbs.map(({ name, summary }) => `'${name}:${summary.replaceAll("'", '').replaceAll(':', ' ')}'`).join(' ')})
if (( CURRENT == 2 )); then
  _describe 'command' verbs
else
  case "\${words[2]}" in
${verbs.map(({ name, words }) => `    ${name}) compadd -- ${words.join(' ')} ;;`).join('\n')}
  esac
  _files
fi`.replace('local -a verbs words', 'local -a verbs'),
  fish: (verbs) =>
    verbs
      .flatMap(({ name, summary, words }) => [
        `complete -c tradepost -n __fish_use_subcommand -a ${name} -d '${summary.replaceAll("'", '')}'`,
        `complete -c tradepost -n '__fish_seen_subcommand_from ${name}' -a '${words.join(' ')}'`,
      ])
      .join('\n'),
};
