// Finds out whether an outage is over, with one message at a time: in turn the next of the log and the first due one of
// each parked key, so that no key's poison speaks for all. When one fails that another key's would pass, or when there
// is no other key to ask, the fault was its own after all: its attempt is counted, and the rest flows on.
import type { LogRecord } from '../log/index.ts';
import { type ApplyStep, attemptRange, parkCulprit, planRecords } from './apply-batch.ts';
import { UnreadableMessageError } from './decode-record.ts';
import { describeFailure } from './fingerprint.ts';
import { type DueMessage, readDueKeys } from './parked-store.ts';
import { failRow, retryOne } from './retry-parked.ts';
import { blockKey, type RunnerState } from './runner-state.ts';
import { applyTo, isMessageFault, loadFor, OutageError, type RunnerWork } from './runner-work.ts';

/** Failed probes after which a message is poison when no other key can be asked. */
const LONE_PROBES = 3;
const PROBED_KEYS = 200;

class DryRunEnd extends Error {
  override readonly name = 'DryRunEnd';
}

/** A message to try: of the log, or parked. */
interface Candidate {
  readonly record: LogRecord;
  readonly message: ApplyStep['message'];
  /** Applies it. @throws what `apply` throws. */
  attempt(): Promise<void>;
  /** Counts its failure, which is its own. */
  giveUp(error: unknown): Promise<void>;
}

/**
 * @param records what comes next.
 * @param failures failed probes of this outage so far.
 * @throws OutageError while it lasts.
 */
export async function probeOutage(
  work: RunnerWork,
  state: RunnerState,
  records: readonly LogRecord[],
  failures: number,
): Promise<void> {
  const { next, others } = nextOfLog(work, state, records);
  const parked = await parkedOf(work, state);
  const candidate = pickInTurn(next, parked, failures);
  // What comes in is tried as it comes: nothing is left that could prove an outage.
  if (candidate === undefined) return;
  try {
    await candidate.attempt();
  } catch (error) {
    if (!isMessageFault(error)) throw error;
    const witnesses = [...others, ...parked, ...(next === undefined ? [] : [next])].filter(
      ({ record }) => blockKey(record) !== blockKey(candidate.record),
    );
    const witness = witnesses[failures % witnesses.length];
    const own = witness === undefined ? failures >= LONE_PROBES : await wouldPass(work, witness);
    if (!own) throw new OutageError(`It still fails: ${describeFailure(error).error}`, { cause: error });
    await candidate.giveUp(error);
  }
}

/** Every other probe is the log's: many parked keys do not keep new messages waiting. */
function pickInTurn(next: Candidate | undefined, parked: readonly Candidate[], failures: number) {
  if (next === undefined) return parked[failures % parked.length];
  if (parked.length === 0 || failures % 2 === 0) return next;
  return parked[Math.floor(failures / 2) % parked.length];
}

function nextOfLog(work: RunnerWork, state: RunnerState, records: readonly LogRecord[]) {
  const { steps } = planRecords(work, state, records);
  const applied = steps.filter((step): step is ApplyStep => step.kind === 'apply');
  const [first] = applied;
  if (first === undefined) return { next: undefined, others: [] };
  const at = steps.indexOf(first);
  const next: Candidate = {
    ...first,
    attempt: async () => attemptRange(work, state, steps.slice(0, at + 1), await loadFor(work, [first.message])),
    async giveUp(error) {
      if (at > 0) await attemptRange(work, state, steps.slice(0, at), undefined);
      await parkCulprit(work, state, first, error);
    },
  };
  const others = new Map(applied.map((step) => [blockKey(step.record), step]));
  return { next, others: [...others.values()] };
}

async function parkedOf(work: RunnerWork, state: RunnerState): Promise<Candidate[]> {
  const rows = await readDueKeys(work.database, work.identity, work.clock.now(), PROBED_KEYS);
  const candidates: Candidate[] = [];
  for (const row of rows) {
    const message = await readable(work, state, row);
    if (message === undefined) continue;
    candidates.push({
      record: row.record,
      message,
      attempt: () => retryOne(work, state, row),
      giveUp: (error) => failRow(work, state, row, error),
    });
  }
  return candidates;
}

/** A message that cannot even be read says nothing of an outage: it is dead, as at any other time. */
async function readable(work: RunnerWork, state: RunnerState, row: DueMessage) {
  try {
    return work.decode(row.record, row.attempts + 1);
  } catch (error) {
    if (!(error instanceof UnreadableMessageError)) throw error;
    await failRow(work, state, row, error);
    return undefined;
  }
}

/** Applies a message and takes it back. */
async function wouldPass(work: RunnerWork, { message }: Pick<Candidate, 'message'>): Promise<boolean> {
  const loaded = await loadFor(work, [message]);
  try {
    await work.transactions.run(async (tx) => {
      await applyTo(work, [message], tx, loaded);
      throw new DryRunEnd('taken back');
    });
  } catch (error) {
    if (error instanceof DryRunEnd) return true;
    if (!isMessageFault(error)) throw error;
  }
  return false;
}
