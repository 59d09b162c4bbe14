import { expect, it } from 'vitest';
import type { Sizes } from '../../src/algorithms/algorithm.ts';
import { qvpo } from '../../src/algorithms/qvpo.ts';
import { useBackend } from '../../src/backend/register.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import type { Batch } from '../../src/data/batch.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import type { Start } from './kernelsAgree.ts';

const sizes: Sizes = { obsDim: 11, actDim: 3 }; // Hopper's
const values = { batchSize: 32, hidden: 64, candidates: 8, targetCandidates: 4, uniformActions: 2, policyEvery: 1 };

/** Ten updates of QVPO: its metrics, one an update, all its variables at the end, and the milliseconds of the last nine. */
function tenUpdates() {
  const config = resolve(qvpo.hyperparameters, [{ source: 'test', values }]).values;
  const algorithm = qvpo.create(sizes, config, new StreamNoise(new Rng(1).split('initial')));
  const [stage] = algorithm.stages;
  const metrics: Record<string, number>[] = [];
  let begin = performance.now();
  for (let update = 0; update < 10; update++) {
    if (update === 1) begin = performance.now();
    const noise = new StreamNoise(new Rng(2).split(`update ${update}`));
    tf.tidy(() => {
      const found = stage!.update(() => batch(config.batchSize, noise), update / 10, noise);
      metrics.push(
        Object.fromEntries(
          Object.entries(found).map(([key, value]) => [key, typeof value === 'number' ? value : value.dataSync()[0]!]),
        ),
      );
    });
  }
  const perUpdate = (performance.now() - begin) / 9;
  const variables = Object.entries(algorithm.variables).map(([name, v]) => [name, Array.from(v.dataSync())] as const);
  tf.dispose(Object.values(algorithm.variables));
  return { metrics, variables, perUpdate };
}

function batch(size: number, noise: StreamNoise): Batch {
  return {
    observations: noise.normal('s', [size, sizes.obsDim]) as Tensor2D,
    actions: noise.uniform('a', [size, sizes.actDim], -1, 1) as Tensor2D,
    rewards: noise.normal('r', [size]) as Tensor1D,
    terminated: noise.integers('d', size, 2).toFloat() as Tensor1D,
    nextObservations: noise.normal('s2', [size, sizes.obsDim]) as Tensor2D,
  };
}

/**
 * Ten updates against the plain definitions. Tolerances: metrics to 1e-3 of their size; weights to a tenth of what ten
 * steps of Adam can move them (η each), as Adam follows the sign of a gradient that is rounding alone.
 */
export function testUpdates(name: string, start: Start): void {
  it('updates QVPO ten times as the definitions do', async () => {
    await useBackend('cpu');
    const expected = tenUpdates();
    await start();
    const actual = tenUpdates();
    expect(tf.getBackend()).toBe(name);
    let [worstMetric, worstWeight] = [0, 0];
    expected.metrics.forEach((wanted, update) => {
      for (const [key, value] of Object.entries(wanted)) {
        const error = Math.abs(actual.metrics[update]![key]! - value) / Math.max(0.1, Math.abs(value));
        worstMetric = Math.max(worstMetric, error);
        expect(error, `${key} of update ${update}: ${actual.metrics[update]![key]}, wanted ${value}`).toBeLessThan(
          1e-3,
        );
      }
    });
    expected.variables.forEach(([key, wanted], v) => {
      const got = actual.variables[v]![1];
      const worst = wanted.reduce((m, x, i) => Math.max(m, Math.abs(x - got[i]!)), 0);
      worstWeight = Math.max(worstWeight, worst);
      expect(worst, key).toBeLessThan(3e-4);
    });
    const [ms, plain] = [actual, expected].map(({ perUpdate }) => perUpdate.toFixed(0));
    console.info(
      `QVPO on ${name}: ${ms} ms an update, ${plain} on cpu; metrics within ${worstMetric.toExponential(1)}, ` +
        `variables within ${worstWeight.toExponential(1)}`,
    );
  });
}
