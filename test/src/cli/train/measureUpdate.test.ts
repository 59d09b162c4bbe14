import { beforeAll, expect, it } from 'vitest';
import { algorithms } from '../../../../src/algorithms/catalog.ts';
import { useBackend } from '../../../../src/backend/register.ts';
import { measureCost } from '../../../../src/cli/train/measureUpdate.ts';
import { resolve } from '../../../../src/config/hyperparameters.ts';
import type { Batch } from '../../../../src/data/batch.ts';
import { Rng } from '../../../../src/random/rng.ts';
import { StreamNoise } from '../../../../src/tensor/noise.ts';

beforeAll(async () => void (await useBackend('auto')));

const online = [...algorithms.values()].filter(({ kind }) => kind === 'online');

it.each(online)('$name: updates are timed on one batch, whose making is left out, and which is freed', definition => {
  const { values } = resolve(definition.hyperparameters, [{ source: 'test', values: { batchSize: 32, hidden: 32 } }]);
  const sizes = { obsDim: 11, actDim: 3 };
  const algorithm = definition.create(sizes, values, new StreamNoise(new Rng(0)));
  const stage = algorithm.stages[0]!;
  const drawn = new Set<Batch>();
  const seen = (sample: () => Batch) => () => {
    const batch = sample();
    drawn.add(batch);
    return batch;
  };
  const update: typeof stage.update = (sample, progress, noise) => stage.update(seen(sample), progress, noise);
  const watched = Object.defineProperty(algorithm, 'stages', { value: [{ ...stage, update }] });
  const cost = measureCost(watched, sizes, 1);
  expect(cost.update).toBeGreaterThan(0);
  expect(drawn.size).toBe(1);
  const [batch] = drawn;
  expect(Object.values(batch!).every(tensor => tensor.isDisposed)).toBe(true);
});
