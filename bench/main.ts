// `npm run bench -- [--quick] [--rounds N] [--seconds N] [--events N] [name …]` measures, prints the table and keeps it
// in the folder `results`. It fails when an outcome is wrong; a goal that is missed is said in the table.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { atRest } from './at-rest.ts';
import { latency } from './latency.ts';
import type { Bench, Effort } from './measure.ts';
import { pipeline } from './pipeline.ts';
import { printTable } from './print-table.ts';
import { rpc } from './rpc.ts';
import { type Result, runRounds } from './run-rounds.ts';
import { scoreImport } from './score-import.ts';
import { scoreRest } from './score-rest.ts';
import { startup } from './startup.ts';

const BENCHES: readonly Bench[] = [scoreRest, scoreImport, pipeline, rpc, startup, atRest, latency];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    events: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const effort: Effort = {
  rounds: Number(options.rounds ?? (options.quick ? 2 : 5)),
  warmUps: 1,
  secondsPerRound: Number(options.seconds ?? (options.quick ? 1 : 3)),
  eventsPerRound: Number(options.events ?? (options.quick ? 4000 : 20_000)),
};

function chooseBenches(): readonly Bench[] {
  const unknown = positionals.find((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown !== undefined) throw new Error(`There is no ${unknown}: ${BENCHES.map(({ name }) => name).join(', ')}.`);
  return positionals.length === 0 ? BENCHES : BENCHES.filter(({ name }) => positionals.includes(name));
}

async function measureAll(): Promise<Result[]> {
  const results: Result[] = [];
  for (const bench of chooseBenches()) {
    console.error(`${bench.name}: ${bench.summary}`);
    await bench.run(effort, async (measure) => {
      const result = await runRounds(measure, effort);
      results.push(result);
      console.error(`  ${printTable([result]).split('\n').at(-1)}`);
    });
  }
  return results;
}

function keep(text: string, results: readonly Result[], startedAt: Date): void {
  const folder = fileURLToPath(new URL('results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const name = startedAt.toISOString().replaceAll(':', '-').slice(0, 19);
  writeFileSync(`${folder}${name}.md`, `${text}\n`);
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify({ startedAt, effort, results }, null, 2)}\n`);
}

if (options.help) {
  for (const { name, summary } of BENCHES) console.log(`${name.padEnd(12)} ${summary}`);
} else {
  const startedAt = new Date();
  const results = await measureAll();
  const { rounds, warmUps, secondsPerRound, eventsPerRound } = effort;
  const how = `${rounds} rounds after ${warmUps} to warm up, ${secondsPerRound} s or ${eventsPerRound} events each`;
  const where = `${startedAt.toISOString().slice(0, 10)}, ${availableParallelism()} cores`;
  const text = `${where}; ${how}\n\n${printTable(results)}`;
  console.log(text);
  keep(text, results, startedAt);
}
