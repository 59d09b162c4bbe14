import { expect, it } from 'vitest';
import { Ddpm } from '../../src/diffusion/ddpm.ts';
import { makeSchedule } from '../../src/diffusion/schedules.ts';
import { NoiseNetwork } from '../../src/networks/noiseNetwork.ts';
import { copyVariables } from '../../src/networks/variables.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { adamStep } from '../../src/tensor/ops/adam.ts';
import { denoise } from '../../src/tensor/ops/denoise.ts';
import { bestRows, judgeRows } from '../../src/tensor/ops/judge.ts';
import { polyakStep } from '../../src/tensor/ops/polyak.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';
import { agree, type Start } from './kernelsAgree.ts';

/** What choosing an action takes: chains, candidates judged, and weights remembered between calls. */
export function testActingKernels(start: Start): void {
  it('judges many candidates per state, and takes the best', async () => {
    for (const [batch, candidates, hidden] of [
      [1, 4, [256, 256]],
      [2, 3, [65, 64, 20]],
      [6, 1, [20]],
      [7, 9, [64, 33, 16]],
      [40, 30, [48]],
    ] as const) {
      await agree(start, 11, draw => {
        const sizes = [5 + 3, ...hidden, 1];
        const nets = [1, 2].map(() => ({
          activation: 'mish' as const,
          layers: sizes.slice(1).map((out, i) => ({
            weight: draw([sizes[i]!, out], 1 / Math.sqrt(sizes[i]!)) as Tensor2D,
            bias: draw([out], 0.1) as Tensor1D,
          })),
        }));
        const states = draw([batch, 5]) as Tensor2D;
        const x = draw([batch * candidates, 3]) as Tensor2D;
        const q = judgeRows(nets, states, x);
        const best = bestRows(draw([batch, candidates]) as Tensor2D, x);
        return [judgeRows(nets.slice(1), states, x), q, best.rows, best.q];
      });
    }
  });

  it('sees weights that have changed: nothing packed or remembered is stale', async () => {
    await start();
    const noise = new StreamNoise(new Rng(13));
    const shape = { obsDim: 3, actDim: 2, steps: 4, hidden: 40, hiddenLayers: 2, timeDim: 8, timeHidden: 16 };
    const network = () => new NoiseNetwork({ ...shape, activation: 'mish' }, noise);
    const [acting, fresh] = [network(), network()];
    const ddpm = new Ddpm(makeSchedule('cosine', shape.steps));
    const s = noise.normal('s', [1, 3]) as Tensor2D;
    const act = (network: NoiseNetwork) => {
      const options = { candidates: 3, name: 'act' };
      return tf.tidy(() => ddpm.sample(network, s, options, new StreamNoise(new Rng(14))).dataSync());
    };
    const variables = Object.values(acting.variables);
    for (const change of ['none', 'adam', 'polyak', 'assign'] as const) {
      const before = act(acting);
      tf.tidy(() => {
        const ones = variables.map(variable => tf.onesLike(variable));
        if (change === 'adam') {
          const moments = () => variables.map(variable => tf.variable(tf.zerosLike(variable)));
          const rates = {
            learningRate: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weightDecay: 0,
            clipNorm: Infinity,
          };
          adamStep(variables, ones, moments(), moments(), { ...rates, step: 1 });
        }
        if (change === 'polyak')
          polyakStep(
            variables,
            ones.map(one => tf.variable(one)),
            0.1,
          );
        if (change === 'assign') for (const variable of variables) variable.assign(tf.mul(variable, 0.5));
      });
      copyVariables(fresh.variables, acting.variables);
      for (const variable of Object.values(fresh.variables)) variable.assign(tf.add(variable, 0)); // nothing shared
      const after = act(acting);
      expect(after).toEqual(act(fresh));
      expect(after.some((x, i) => x !== before[i])).toBe(change !== 'none');
    }
  });

  it('samples a whole chain', async () => {
    const rng = new Rng(9);
    const cases: [batch: number, candidates: number, hidden: number[]][] = [
      [1, 4, [256, 256, 256]],
      [1, 1, [16]],
      [3, 2, [40, 24]],
      [5, 7, [64, 64, 64]],
      [20, 10, [33, 17]],
      [64, 32, [48]],
    ];
    for (const [batch, candidates, hidden] of cases) {
      const [actDim, obsDim, embedding, calls] = [1 + rng.integer(18), 1 + rng.integer(30), 8, 5];
      const layerSizes = [actDim + embedding + obsDim, ...hidden, actDim];
      await agree(start, 10, draw => {
        const layers = layerSizes.slice(1).map((out, i) => ({
          weight: draw([layerSizes[i]!, out], 1 / Math.sqrt(layerSizes[i]!)) as Tensor2D,
          bias: draw([out], 0.1) as Tensor1D,
        }));
        const rows = batch * candidates;
        return denoise({
          body: { layers, activation: 'mish' },
          embeddings: draw([calls, embedding]) as Tensor2D,
          observations: draw([batch, obsDim]) as Tensor2D,
          candidates,
          coefficients: Float32Array.from(
            { length: 5 * calls },
            (_, i) => [1.2, 0.6, 0.4, 0.5, i < 20 ? 0.3 : 0][i % 5]!,
          ),
          initialNoise: draw([rows, actDim]) as Tensor2D,
          stepNoise: draw([calls, rows, actDim]),
        });
      });
    }
  });
}
