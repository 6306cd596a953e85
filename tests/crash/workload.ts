// Writers that send score events over REST, each with an idempotency key, and repeat what got no answer until it does.
import { type Asked, identityOf, type Ledger } from './ledger.ts';

export interface WorkloadOptions {
  /** Where REST answers now; it changes when the system starts again on another port. */
  readonly baseUrl: () => string;
  readonly ledger: Ledger;
  readonly users: readonly number[];
  readonly writers: number;
  readonly events: number;
  /** Time for all of it, in milliseconds. */
  readonly deadlineMs: number;
}

/** @returns when every request has a definite answer. @throws when the deadline passes first. */
export async function runWorkload(options: WorkloadOptions): Promise<void> {
  const deadline = performance.now() + options.deadlineMs;
  // Numbers go on from run to run: they name the requests.
  let next = options.ledger.asked.size;
  const end = next + options.events;
  const writer = async (): Promise<void> => {
    while (next < end) {
      const number = next;
      next += 1;
      const asked = ask(number, options);
      while (asked.outcome === 'unknown') {
        if (performance.now() > deadline) throw new Error(`no definite answer for ${asked.key} in time`);
        await send(asked, options);
        // Every seventh request is sent again though it was answered: the answer must be the same.
        if (asked.outcome !== 'unknown' && number % 7 === 0) await send(asked, options);
      }
    }
  };
  await Promise.all(Array.from({ length: options.writers }, writer));
}

function ask(number: number, { users, ledger }: WorkloadOptions): Asked {
  const userId = users[number % users.length] as number;
  const asked: Asked = {
    key: `crash-${number}`,
    userId,
    newScore: number,
    change: number % 3 === 0 ? 15 : -(number % 10),
    outcome: 'unknown',
    eventIds: new Set(),
  };
  ledger.asked.set(identityOf(userId, number), asked);
  return asked;
}

async function send(asked: Asked, { baseUrl, ledger }: WorkloadOptions): Promise<void> {
  ledger.sent += 1;
  try {
    const response = await fetch(`${baseUrl()}/api/v1/score-events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': asked.key },
      body: JSON.stringify({ user_id: asked.userId, new_score: asked.newScore, change: asked.change }),
      signal: AbortSignal.timeout(5000),
    });
    const answer = (await response.json()) as { event_id?: number };
    if (response.status === 202 && answer.event_id !== undefined) {
      asked.outcome = 'ok';
      asked.eventId = answer.event_id;
      asked.eventIds.add(answer.event_id);
    } else if (response.status < 500 && response.status !== 409 && response.status !== 429) {
      asked.outcome = 'refused';
    } else {
      await pause(20);
    }
  } catch {
    await pause(50);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
