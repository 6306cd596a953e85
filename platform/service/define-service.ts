// A service is declared once, as a value; any process may host it.
import type { DescService } from '@bufbuild/protobuf';
import type { ConfigSpec } from '../config/index.ts';
import type { AnyConfig, Effect, Implementation, Job, Reaction } from './feature.ts';

export interface ServiceDefinition<Config = AnyConfig> {
  /** Lower case, one word: it names the database, the role, the metrics label and the environment prefix. */
  readonly name: string;
  /** One sentence for lists and the map. */
  readonly summary: string;
  readonly config: ConfigSpec<Config>;
  /** The folder with its SQL migrations; a service without one has no database. */
  readonly migrations?: URL;
  /** Names of the services that its features call. */
  readonly asks?: readonly string[];
  readonly rpc: readonly Implementation[];
  readonly reactions: readonly Reaction[];
  readonly effects: readonly Effect[];
  readonly jobs: readonly Job[];
  /** The services whose REST routes it serves for all: the gateway's table. */
  readonly edge?: readonly DescService[];
}

export function defineService<Config>(definition: ServiceDefinition<Config>): ServiceDefinition<Config> {
  return definition;
}
