// Kills the system at every failpoint of the pipeline, under load, and holds what is left against the guarantees.
// In `npm test` three failpoints and one planted bug; all of them with TRADEPOST_CRASH=all (`npm run test:crash`).
import assert from 'node:assert/strict';
import test from 'node:test';
import { createRig, runScenario, type Scenario } from './run.ts';
import { plantedBugs, scenarios } from './scenarios.ts';

const all = process.env.TRADEPOST_CRASH === 'all';

test('a system that is killed loses nothing, applies nothing twice and keeps order', async (t) => {
  const rig = await createRig();
  t.after(() => rig.close());
  for (const scenario of scenarios.filter(({ always }) => all || always)) {
    await t.test(scenario.name, async () => {
      const { violations, died } = await runScenario(rig, scenario);
      assert.deepEqual(violations, [], rig.system.output().slice(-2000));
      assert.equal(died, true, 'the process did not die where it was to die');
    });
  }
});

for (const bug of plantedBugs.filter(({ always }) => all || always)) {
  test(`the checker finds a planted bug: ${bug.name}`, async (t) => {
    const rig = await createRig();
    t.after(() => rig.close());
    const { violations } = await runScenario(rig, bug as Scenario);
    const found = violations.map(({ rule }) => rule);
    assert.ok(
      bug.breaks.some((rule) => found.includes(rule)),
      `found ${JSON.stringify(violations)}, expected one of ${bug.breaks.join(', ')}`,
    );
  });
}
