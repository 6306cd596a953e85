// What the running of commands itself may answer.
import { defineRefusals } from '../errors/index.ts';

export const refuseCommand = defineRefusals({
  overloaded: {
    status: 'RESOURCE_EXHAUSTED',
    httpStatus: 503,
    title: 'Overloaded',
    detail: (_: object) => 'Too many requests of this kind are waiting; try again in a moment',
  },
  behind_another: {
    status: 'UNAVAILABLE',
    title: 'Behind another',
    detail: (_: object) =>
      'One that came before it could not be done yet, and this one must not overtake it; try again in a moment',
  },
  invalid_idempotency_key: {
    status: 'INVALID_ARGUMENT',
    title: 'Invalid idempotency key',
    detail: ({ max }: { max: number }) => `An idempotency key has at most ${max} characters and none of them is NUL`,
  },
  idempotency_key_in_progress: {
    status: 'ABORTED',
    title: 'Still running',
    detail: (_: object) => 'A request with the same idempotency key is still running; repeat it in a moment',
  },
  idempotency_key_reused: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 422,
    title: 'Idempotency key reused',
    detail: (_: object) =>
      'This idempotency key was used for a different request; use a key of its own for each request',
  },
  answer_not_kept: {
    status: 'FAILED_PRECONDITION',
    title: 'Answer not kept',
    detail: (_: object) => 'The request was carried out before, but its answer was too large to be kept',
  },
});
