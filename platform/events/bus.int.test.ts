import { busSuite } from './bus-suite.ts';

busSuite('embedded', async ({ bus }) => ({ bus, close: async () => {} }));
