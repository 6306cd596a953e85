// Who is told what: the rules, all in one place, as pure functions of what happened.

/** What is to be told, and whether: `reason` says why it is stored and told to nobody. */
export type Decision =
  | { readonly message: string; readonly deliver: true }
  | { readonly message: string; readonly deliver: false; readonly reason: 'silent' | 'no_address' };

/** A rise of more than this many points is worth a congratulation: 10 is silent, 11 is not. */
export const SILENT_UP_TO = 10;

/** @param change points gained, negative for points lost. @param known whether the person can be told at all. */
export function decideOnScore(change: number, known: boolean): Decision {
  if (change <= SILENT_UP_TO) {
    return { message: `Your score changed by ${change} points`, deliver: false, reason: 'silent' };
  }
  const message = `Your score increased by ${change} points!`;
  return known ? { message, deliver: true } : { message, deliver: false, reason: 'no_address' };
}

/** Whether an event is worth looking the person up for. */
export function needsPerson(change: number): boolean {
  return change > SILENT_UP_TO;
}

/** What became of a message, as its notification shows it. */
export function statusAfter(deliveryEvent: string): 'sent' | 'bounced' | 'not_sent' {
  if (deliveryEvent === 'MessageSent') return 'sent';
  return deliveryEvent === 'MessageBounced' ? 'bounced' : 'not_sent';
}
