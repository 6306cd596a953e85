// Imports people: one JSON object a line, each with its key, so that a second run registers nobody twice.
import { CreateUserRequestSchema, UserService } from '@tradepost/contracts/user';
import { Refusal } from '@tradepost/platform/errors';
import { decodeJson } from '@tradepost/platform/json';
import type { Connection } from '../connect.ts';
import { EXIT } from '../failure.ts';
import type { Output } from '../output.ts';
import { createProgress } from '../progress.ts';
import { feedName, lineKey } from './line-key.ts';
import { createLineReport, showReport } from './line-report.ts';
import { inputSize, type Line, readLines } from './read-lines.ts';
import { retrying } from './retry.ts';

export interface ImportUsersOptions {
  readonly connection: Connection;
  readonly file: string;
  readonly output: Output;
  readonly feed?: string;
  readonly report?: string;
}

const CONCURRENCY = 32;
const WRONG = new Set(['INTERNAL', 'UNKNOWN', 'UNAUTHENTICATED', 'PERMISSION_DENIED', 'UNIMPLEMENTED']);

export async function importUsers(options: ImportUsersOptions): Promise<void> {
  const { connection, file, output } = options;
  const total = inputSize(file);
  const feed = feedName(file, options.feed);
  const report = createLineReport(options.report);
  const progress = createProgress({ label: file, unit: 'B', ...(total === undefined ? {} : { total }) });
  const client = connection.client(UserService);
  const startedMs = performance.now();

  const register = async (line: Line): Promise<void> => {
    const decoded = line.fault === undefined ? decodeJson(CreateUserRequestSchema, line.text) : undefined;
    if (decoded?.message === undefined) {
      const faults = decoded?.faults.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ');
      report.broken(line.number, line.fault ?? faults ?? 'cannot be read');
      return;
    }
    const meta = { idempotencyKey: lineKey(feed, line.number, line.text) };
    let replayed = false;
    const onReplayed = (): void => {
      replayed = true;
    };
    try {
      await retrying(() => client.createUser(decoded.message, { meta, onReplayed }));
      if (replayed) report.counts.replayed += 1;
      else report.counts.accepted += 1;
    } catch (error) {
      if (!(error instanceof Refusal) || WRONG.has(error.status)) throw error;
      report.refused(line.number, error.code, error.message);
    }
  };

  const underWay = new Set<Promise<void>>();
  let failure: unknown;
  try {
    for await (const line of readLines(file)) {
      report.counts.lines += 1;
      const work = register(line)
        .catch((error) => {
          failure ??= error;
        })
        .finally(() => {
          underWay.delete(work);
          progress.update(line.bytesRead, report.words());
        });
      underWay.add(work);
      if (underWay.size >= CONCURRENCY) await Promise.race(underWay);
      if (failure !== undefined) break;
    }
    await Promise.all(underWay);
  } finally {
    progress.finish();
    report.close();
  }
  if (failure !== undefined) throw failure;
  showReport(output, report, { seconds: Math.round(performance.now() - startedMs) / 1000 });
  if (report.counts.refused + report.counts.broken > 0) process.exitCode = EXIT.partly;
}
