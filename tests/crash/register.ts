// Turns scenarios and planted bugs into tests.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createRig, runScenario, type Scenario } from './run.ts';
import type { PlantedBug } from './scenarios.ts';

/** One system lives through all of them: what an earlier kill broke, a later check still finds. */
export function registerScenarios(scenarios: readonly Scenario[]): void {
  test('a system that is killed loses nothing, applies nothing twice and keeps order', async (t) => {
    const rig = await createRig();
    t.after(() => rig.close());
    for (const scenario of scenarios) {
      await t.test(scenario.name, async (step) => {
        const { violations, died, ended, mailsTwice } = await runScenario(rig, scenario);
        assert.deepEqual(violations, [], rig.system.output().slice(-2000));
        assert.equal(died, true, 'the process did not die where it was to die');
        if (scenario.stopAfterMs !== undefined) assert.equal(ended, '0', 'the stop was in good order');
        step.diagnostic(`mails sent again in the named window: ${mailsTwice} in all`);
      });
    }
  });
}

export function registerPlantedBugs(bugs: readonly PlantedBug[]): void {
  for (const bug of bugs) {
    test(`the checker finds a planted bug: ${bug.name}`, async (t) => {
      const rig = await createRig();
      t.after(() => rig.close());
      const { violations } = await runScenario(rig, bug);
      const found = violations.map(({ rule }) => rule);
      const expected = bug.breaks.join(', or ');
      assert.ok(
        bug.breaks.some((rule) => found.includes(rule)),
        `found ${JSON.stringify(violations)}, expected ${expected}`,
      );
    });
  }
}
