import type { AlgorithmDefinition } from '../../algorithms/algorithm.ts';
import { algorithms } from '../../algorithms/catalog.ts';
import type { Option } from '../command.ts';
import { readConfigFile } from '../configFile.ts';
import { findAlgorithm, hyperparameterOptions } from '../flags.ts';

const defaults = { online: 'qvpo', offline: 'srpo' } as const;

/** The hyperparameters that the algorithm of this call adds to the flags. `--help` without `--algo` shows none. */
export function hyperparametersOf(
  kind: AlgorithmDefinition['kind'],
  given: Readonly<Record<string, string>>,
): readonly Option[] {
  const fromFile = () => (given.config === undefined ? undefined : readConfigFile(given.config).values.algo);
  if ('help' in given && given.algo === undefined) return [];
  const name = given.algo ?? fromFile() ?? defaults[kind];
  return hyperparameterOptions(findAlgorithm(algorithms, String(name), kind).hyperparameters);
}
