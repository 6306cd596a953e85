// What a list may answer to a page that it did not give out.
import { defineRefusals } from '../errors/index.ts';

export const refusePage = defineRefusals({
  invalid_cursor: {
    status: 'INVALID_ARGUMENT',
    httpStatus: 422,
    title: 'Invalid cursor',
    detail: () => 'cursor must be one that an earlier page of the same list gave.',
  },
});
