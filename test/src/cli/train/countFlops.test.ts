import { beforeAll, expect, it } from 'vitest';
import { qvpo } from '../../../../src/algorithms/qvpo.ts';
import { accelerated } from '../../../../src/backend/accelerated.ts';
import { useBackend } from '../../../../src/backend/register.ts';
import { countFlops } from '../../../../src/cli/train/countFlops.ts';
import { measureCost } from '../../../../src/cli/train/measureUpdate.ts';
import { resolve } from '../../../../src/config/hyperparameters.ts';
import { Rng } from '../../../../src/random/rng.ts';
import { StreamNoise } from '../../../../src/tensor/noise.ts';
import { tf } from '../../../../src/tensor/tf.ts';

beforeAll(async () => void (await useBackend('auto')));

it('counts two operations a multiply-add, and gives the backend back', () => {
  const backend = accelerated();
  if (!backend) throw new Error('neither native nor WASM kernels are here: npm run build');
  const { run } = backend;
  const flops = countFlops(backend, () => {
    tf.tidy(() => tf.matMul(tf.ones([3, 5]), tf.ones([5, 7])));
    tf.tidy(() => tf.matMul(tf.ones([2, 3, 5]), tf.ones([2, 5, 7])));
  });
  expect(flops).toBe(2 * 3 * 5 * 7 * (1 + 2));
  expect(backend.run).toBe(run);
});

it("the chain of QVPO's candidates is nearly all of an update", () => {
  const { values } = resolve(qvpo.hyperparameters, [
    { source: 'test', values: { batchSize: 32, hidden: 32, diffusionSteps: 10, candidates: 64 } },
  ]);
  const sizes = { obsDim: 11, actDim: 3 };
  const algorithm = qvpo.create(sizes, values, new StreamNoise(new Rng(0)));
  const cost = measureCost(algorithm, sizes, 1);
  const rows = 32 * 64 * 10;
  const network = 2 * (3 * 32 + 32 * 32 + 32 * 32 + 32 * 3); // states and times count once
  expect(cost.flopPerUpdate).toBeGreaterThan(0.8 * rows * network);
  expect(cost.flopPerUpdate).toBeLessThan(2 * rows * network);
  expect(cost.update).toBeGreaterThan(0);
  expect(cost.variableBytes).toBeGreaterThan(0);
});
