// The part of the crash tests that runs every time: three failpoints, a stop in good order and one planted bug.
import { registerPlantedBugs, registerScenarios } from './register.ts';
import { plantedBugs, scenarios } from './scenarios.ts';

registerScenarios(scenarios.filter(({ always }) => always));
registerPlantedBugs(plantedBugs.filter(({ always }) => always));
