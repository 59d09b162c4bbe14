import type { Algorithm, AlgorithmDefinition, Sizes } from '../../algorithms/algorithm.ts';
import { algorithms } from '../../algorithms/catalog.ts';
import { type BackendInUse, useBackend } from '../../backend/register.ts';
import { resolve } from '../../config/hyperparameters.ts';
import { UsageError } from '../../errors.ts';
import { Rng } from '../../random/rng.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import type { Input } from '../command.ts';
import { findAlgorithm, precisionOf } from '../flags.ts';

/** An algorithm at given sizes on a started backend, as `bench act` and `bench update` measure it. */
export interface Subject {
  readonly name: string;
  readonly kind: AlgorithmDefinition['kind'];
  readonly algorithm: Algorithm;
  readonly sizes: Sizes;
  readonly backend: BackendInUse;
  readonly noise: StreamNoise;
  readonly seconds: number;
}

/** Builds what the flags say; `values` are hyperparameters of this benchmark, where the algorithm has them. */
export async function subjectOf(input: Input, values: Readonly<Record<string, unknown>> = {}): Promise<Subject> {
  const name = input.text('algo') ?? 'qvpo';
  const definition = findAlgorithm(algorithms, name);
  const preset = input.text('preset') ?? 'paper';
  const backend = await useBackend(input.text('backend') ?? 'auto', {
    threads: input.count('threads'),
    precision: precisionOf(input),
  });
  const sizes = { obsDim: input.count('obs-dim') ?? 11, actDim: input.count('act-dim') ?? 3 };
  const { params } = definition.hyperparameters;
  const diffusionSteps = input.count('diffusion-steps');
  if (diffusionSteps !== undefined && !('diffusionSteps' in params))
    throw new UsageError(`${definition.name} has no --diffusion-steps`, [
      ['what it has', `agent ${definition.kind} --algo ${definition.name} --help`],
    ]);
  const all = Object.entries({ ...values, diffusionSteps });
  const known = all.filter(([key, value]) => value !== undefined && key in params);
  const config = resolve(definition.hyperparameters, [
    { source: `preset ${preset}`, values: definition.hyperparameters.presets[preset] ?? {} },
    { source: 'flag', values: Object.fromEntries(known) },
  ]).values;
  const rng = new Rng(0);
  const algorithm = definition.create(sizes, config as never, new StreamNoise(rng.split('initial')));
  const noise = new StreamNoise(rng.split('noise'));
  return {
    name: definition.name,
    kind: definition.kind,
    algorithm,
    sizes,
    backend,
    noise,
    seconds: input.number('seconds', { min: 0.01 }) ?? 5,
  };
}
