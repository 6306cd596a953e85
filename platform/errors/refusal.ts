// A refusal is an answer, not a bug: a stable code out of a service's closed catalogue, a gRPC status and a sentence
// for a person. Anything else that is thrown is a bug and reaches the caller as INTERNAL without a word of the inside.

/** gRPC status names; `status.ts` maps them to gRPC numbers and HTTP. */
export type StatusName =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED';

/** One thing wrong with a request. `pointer` is a JSON pointer into the body (`/items/0/email`) or `?limit`, `{id}`. */
export interface FieldFault {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

export interface RefusalOptions {
  readonly errors?: readonly FieldFault[];
  /** Further facts for the caller, all text: `{ available: "3" }`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** When a repeat may succeed. */
  readonly retryAfterSeconds?: number;
  /** HTTP status where the gRPC status alone does not decide it (412, 413, 415, 422). */
  readonly httpStatus?: number;
  readonly cause?: unknown;
}

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: string;
  readonly status: StatusName;
  readonly title: string;
  readonly options: RefusalOptions;

  /** @param detail the sentence for a person; it becomes `message`. */
  constructor(code: string, status: StatusName, title: string, detail: string, options: RefusalOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = status;
    this.title = title;
    this.options = options;
  }
}

export interface RefusalEntry<Facts> {
  readonly status: StatusName;
  readonly httpStatus?: number;
  /** Short and the same every time: "Person not found". */
  readonly title: string;
  /** The sentence, with the facts of this case. */
  readonly detail: (facts: Facts) => string;
}

// biome-ignore lint/suspicious/noExplicitAny: each entry has facts of its own.
export type RefusalCatalogue = Readonly<Record<string, RefusalEntry<any>>>;

type FactsOf<Entry> = Entry extends RefusalEntry<infer Facts> ? Facts : never;

/**
 * A service's closed list of refusals, by stable code.
 * `const refuse = defineRefusals({ user_not_found: { … } })`, then `throw refuse('user_not_found', { id })`.
 */
export function defineRefusals<const Catalogue extends RefusalCatalogue>(catalogue: Catalogue) {
  const refuse = <Code extends keyof Catalogue & string>(
    code: Code,
    facts: FactsOf<Catalogue[Code]>,
    options: RefusalOptions = {},
  ): Refusal => {
    const entry = catalogue[code] as RefusalEntry<unknown>;
    const httpStatus = options.httpStatus ?? entry.httpStatus;
    return new Refusal(code, entry.status, entry.title, entry.detail(facts), {
      ...options,
      ...(httpStatus === undefined ? {} : { httpStatus }),
    });
  };
  return Object.assign(refuse, { catalogue });
}
