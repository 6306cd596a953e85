// All crash tests: `npm run test:crash`.
import { registerPlantedBugs, registerScenarios } from './register.ts';
import { plantedBugs, scenarios } from './scenarios.ts';

registerScenarios(scenarios);
registerPlantedBugs(plantedBugs);
