// The repository speaks of Tradepost: no path of somebody's machine, no host that packages happened to come from.
import { type Fault, findAll, type Rule } from './repository.ts';

// Written apart, so that this file does not find itself.
const MACHINE_PATHS = new RegExp(
  `(?<![\\w.:/-])/(${['wo' + 'rk', 'fa' + 'rm', 'home/\\w+', 'Users/\\w+'].join('|')})/`,
  'g',
);
const HOSTS = ['registry\\.npm' + 'js', 'deb\\.deb' + 'ian\\.org', 'proxy\\.gol' + 'ang', 'repo1\\.mav' + 'en'];
const PACKAGE_HOSTS = new RegExp(`\\b(${HOSTS.join('|')})`, 'g');

export const foreignWords: Rule = {
  name: 'no machine paths and no package hosts',
  check: ({ files }): Fault[] => {
    const ours = files.filter(({ path }) => !path.startsWith('contracts/gen/'));
    return [
      ...findAll(ours, MACHINE_PATHS, ([found]) => `${found} is a path of one machine`, 'text'),
      ...findAll(ours, PACKAGE_HOSTS, ([found]) => `${found} is where packages came from, not part of them`, 'text'),
    ];
  },
};
