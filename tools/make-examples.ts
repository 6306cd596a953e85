// Writes `examples/users.ndjson` and `examples/score-feed.ndjson`: the same bytes at every run. What is broken in the
// feed, and why, stands in examples/README.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../examples/', import.meta.url));
const PEOPLE = 200;
const FEED_LINES = 1000;

const FIRST = ['Ada', 'Grace', 'Katherine', 'Hedy', 'Radia', 'Barbara', 'Frances', 'Margaret', 'Jean', 'Annie'];
const FURTHER = ['Alan', 'Edsger', 'Donald', 'Dennis', 'Ken', 'Niklaus', 'Tony', 'John', 'Leslie', 'Jim'];
const LAST = ['Ash', 'Birch', 'Cedar', 'Elm', 'Fir', 'Hazel', 'Juniper', 'Linden', 'Maple', 'Oak'];
const COUNTRIES = ['GB', 'US', 'DE', 'FR', 'PL', 'ES', 'IT', 'NL', 'SE', 'JP'];

/** Numbers in [0, 1), the same at every run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function makeUsers(): string[] {
  const firsts = [...FIRST, ...FURTHER];
  return Array.from({ length: PEOPLE }, (_, index) => {
    const first = firsts[index % firsts.length] as string;
    const last = LAST[Math.floor(index / firsts.length)] as string;
    return JSON.stringify({
      first_name: first,
      last_name: last,
      email: `${first}.${last}@example.com`.toLowerCase(),
      country: COUNTRIES[index % COUNTRIES.length],
    });
  });
}

interface FeedEvent {
  readonly idempotency_key?: string;
  readonly user_id: number;
  readonly new_score: number;
  readonly change: number;
}

const BROKEN: Readonly<Record<number, string>> = {
  100: '{"user_id":17,"new_score":7',
  200: '["user_id",17]',
  300: '{"user_id":17,"new_score":700,"chnge":15}',
  400: '{"user_id":17,"new_score":700,"change":"many"}',
  500: '{"user_id":17,"new_score":700,"change":3000000000}',
  600: '{"user_id":0,"new_score":700,"change":15}',
  700: '{"user_id":17,"new_score":-5,"change":-15}',
  800: '{"user_id":999999,"new_score":700,"change":15}',
};

function makeFeed(): string[] {
  const random = createRandom(20_261_121);
  const scores = new Map<number, number>();
  const keyed = new Map<number, FeedEvent>();
  const lines: string[] = [];
  for (let line = 1; line <= FEED_LINES; line += 1) {
    const broken = BROKEN[line];
    if (broken !== undefined) {
      lines.push(broken);
      continue;
    }
    const user = 1 + Math.floor(random() * PEOPLE);
    const before = scores.get(user) ?? 600 + Math.floor(random() * 200);
    const change = Math.floor(random() * 61) - 30;
    scores.set(user, before + change);
    const event: FeedEvent = { user_id: user, new_score: before + change, change };
    // Sent twice by whoever writes the feed: the second time is a repeat.
    const repeated = keyed.get(line - 1);
    if (repeated !== undefined) lines.push(JSON.stringify(repeated));
    else if (line % 150 === 0) {
      const first = { idempotency_key: `feed-2026-11-21-${line}`, ...event };
      keyed.set(line, first);
      lines.push(JSON.stringify(first));
    } else lines.push(JSON.stringify(event));
  }
  return lines;
}

mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}users.ndjson`, `${makeUsers().join('\n')}\n`);
writeFileSync(`${folder}score-feed.ndjson`, `${makeFeed().join('\n')}\n`);
