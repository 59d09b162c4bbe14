import type { AlgorithmDefinition } from './algorithm.ts';
import { qvpo } from './qvpo.ts';

/** Every algorithm, by the name `--algo` takes. */
export const algorithms: ReadonlyMap<string, AlgorithmDefinition> = new Map(
  [qvpo].map(definition => [definition.name, definition as AlgorithmDefinition]),
);
