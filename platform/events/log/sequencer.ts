// Moves committed outbox rows into the log. One leader per database, fenced by epoch; everybody else stands by. It is
// woken by a poke after a commit, and looks by itself in any case: pokes are hints, polling is the truth.
import type { Logger } from '../../service/index.ts';
import { createAdvanceListeners } from './advance-listeners.ts';
import { createHousekeeping } from './housekeeping.ts';
import { createLeader, type Leader, type LeaderOptions } from './leader.ts';
import { BEAT_EVERY_MS } from './lease.ts';
import { type PassResult, stopReason } from './pass.ts';
import type { RetentionLimits } from './retention.ts';
import { createWakeablePause, withJitter } from './wakeable-pause.ts';

const SHORTEST_POLL_MS = 20;
const LONGEST_POLL_MS = 1000;
const POLL_GROWTH = 1.5;
const LONGEST_BACKOFF_MS = 5000;

/** `database`: a small pool of the service's database, at least two connections. */
export interface SequencerOptions extends LeaderOptions {
  readonly log: Logger;
  /** Tells other processes of this database, and hears them. Without it they find out by polling, within a second. */
  readonly wakeups?: Wakeups;
  readonly retention?: RetentionLimits;
}

/** Hints between the processes of one database. */
export interface Wakeups {
  /** Something was committed here, and somebody else leads. */
  sendPoke(): void;
  /** The log has advanced here. */
  sendAdvance(): void;
  listen(handlers: { poke(): void; advance(): void }): () => void;
}

export interface SequencerStatus {
  /** `stopped`: the database was restored or moved, see `reason`; `failing`: it does not answer. */
  readonly state: 'standby' | 'leading' | 'stopped' | 'failing' | 'closed';
  readonly reason?: string;
  readonly epoch?: bigint;
  /** Rows that this process has put into the log. */
  readonly logged: number;
  readonly passes: number;
}

export interface Sequencer {
  /** Says that something was committed. Cheap; never throws. */
  poke(): void;
  status(): SequencerStatus;
  /** Calls the listener after the log has advanced, as far as this process knows. */
  onAdvance(listener: () => void): () => void;
  /** Passes once more when it leads, gives the lease up, and ends. */
  close(): Promise<void>;
}

export function startSequencer(options: SequencerOptions): Sequencer {
  const { wakeups } = options;
  const pause = createWakeablePause();
  const advances = createAdvanceListeners();
  const leader = createLeader(options);
  const report = createReport(options, leader);
  const housekeeping = createHousekeeping(options);
  let closing = false;
  let pollMs = SHORTEST_POLL_MS;

  /** @returns whether to pass again at once. */
  const pass = async (): Promise<boolean> => {
    const result = await leader.pass();
    report.passed(result);
    if (result.logged > 0) {
      advances.notify();
      wakeups?.sendAdvance();
      pollMs = SHORTEST_POLL_MS;
    }
    return result.more;
  };

  /** @returns how long to wait before the next look. */
  const look = async (): Promise<number> => {
    if (await leader.beatWhenDue()) report.beaten();
    if (leader.epoch === undefined) return withJitter(BEAT_EVERY_MS / 2);
    housekeeping.startWhenDue();
    if (await pass()) return 0;
    if (report.isStopped()) return BEAT_EVERY_MS;
    pollMs = Math.min(LONGEST_POLL_MS, pollMs * POLL_GROWTH);
    return withJitter(pollMs);
  };

  const run = async (): Promise<void> => {
    while (!closing) {
      try {
        const waitMs = await look();
        report.answered();
        if (waitMs > 0 && !closing && (await pause.wait(waitMs))) pollMs = SHORTEST_POLL_MS;
      } catch (error) {
        const failures = report.failed(error);
        // Pokes do not shorten this: the database needs the rest.
        const untilMs = performance.now() + withJitter(Math.min(LONGEST_BACKOFF_MS, 50 * 2 ** Math.min(failures, 10)));
        while (!closing && performance.now() < untilMs) await pause.wait(untilMs - performance.now());
      }
    }
  };

  const poke = (): void => {
    pause.wake();
    if (leader.epoch === undefined) wakeups?.sendPoke();
  };
  const deafen = wakeups?.listen({ poke: () => pause.wake(), advance: () => advances.notify() });
  const running = run();
  return {
    poke,
    onAdvance: advances.onAdvance,
    status: report.status,
    async close() {
      if (closing) return running;
      closing = true;
      pause.wake();
      deafen?.();
      await running;
      await housekeeping.close();
      await passLast(leader, pass);
      report.closed();
    },
  };
}

function createReport({ database, log }: SequencerOptions, leader: Leader) {
  const { service } = database;
  let state: SequencerStatus['state'] = 'standby';
  let reason: string | undefined;
  let logged = 0;
  let passes = 0;
  let failures = 0;
  const enter = (next: SequencerStatus['state'], why?: string): void => {
    if (state === next && reason === why) return;
    if (next === 'leading') log.info({ epoch: leader.epoch?.toString() }, 'This process sequences the events.');
    if (next === 'stopped') log.error({}, why ?? '');
    state = next;
    reason = why;
  };
  return {
    beaten: () => leader.epoch === undefined && enter('standby'),
    passed(result: PassResult) {
      passes += 1;
      logged += result.logged;
      if (result.outcome === 'fenced') return enter('standby');
      const stopped = stopReason(service, result.outcome);
      enter(stopped === undefined ? 'leading' : 'stopped', stopped);
    },
    answered() {
      failures = 0;
    },
    failed(error: unknown): number {
      failures += 1;
      const why = error instanceof Error ? error.message : String(error);
      if (failures === 3) log.warn({ error }, 'The events cannot be sequenced at present; trying again.');
      if (failures >= 3) enter('failing', why);
      return failures;
    },
    isStopped: () => state === 'stopped',
    closed: () => enter('closed'),
    status: (): SequencerStatus => ({
      state,
      logged,
      passes,
      ...(reason === undefined ? {} : { reason }),
      ...(leader.epoch === undefined ? {} : { epoch: leader.epoch }),
    }),
  };
}

// What was committed before the close is logged before the end, so that an orderly stop leaves nothing waiting.
async function passLast(leader: Leader, pass: () => Promise<boolean>): Promise<void> {
  try {
    while (leader.epoch !== undefined && (await pass()));
    await leader.resign();
  } catch {
    // The successor finds the session gone.
  }
}
