// What the operations service asks of a process: its services, with their databases and what is at work in them.
import type { EventDeclaration } from '@tradepost/contracts/declare-event';
import type { Database } from '../db/index.ts';
import type { EffectStatus, IntentCounts } from '../effects/index.ts';
import type { Consumer, LogReader, SequencerStatus } from '../events/index.ts';
import { refuseOperation } from './operation-refusals.ts';

/** A service of this process that has a database. */
export interface OperatedService {
  readonly name: string;
  readonly main: Database;
  /** For reading the log. */
  readonly pipeline: Database;
  readonly reader: LogReader;
  sequencer(): SequencerStatus;
  consumers(): readonly OperatedConsumer[];
  effects(): readonly EffectStatus[];
  effectCounts(): Promise<ReadonlyMap<string, IntentCounts>>;
  /** Seconds since the oldest event was committed that has no place in the log; 0 when there is none. */
  outboxAgeSeconds(): Promise<number>;
}

export interface OperatedConsumer {
  readonly consumer: Consumer;
  readonly on: readonly EventDeclaration[];
}

export interface OperatedProcess {
  readonly version: string;
  readonly startedAt: Date;
  readonly isDraining: () => boolean;
  services(): readonly OperatedService[];
}

/** @throws Refusal `service_not_here`. */
export function serviceNamed(process: OperatedProcess, name: string): OperatedService {
  const services = process.services();
  const found = services.find((service) => service.name === name);
  if (found !== undefined) return found;
  throw refuseOperation('service_not_here', { service: name, known: services.map((service) => service.name) });
}
