import { expect, it } from 'vitest';
import { useBackend } from '../../src/backend/register.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { adamStep } from '../../src/tensor/ops/adam.ts';
import { denoise } from '../../src/tensor/ops/denoise.ts';
import { type Activation, dense } from '../../src/tensor/ops/dense.ts';
import { applyStack, forward } from '../../src/tensor/ops/forward.ts';
import { polyakStep } from '../../src/tensor/ops/polyak.ts';
import { type Tensor, type Tensor1D, type Tensor2D, tf, type Variable } from '../../src/tensor/tf.ts';
import { agree, pick, type Start } from './kernelsAgree.ts';

const activations: readonly Activation[] = ['linear', 'relu', 'mish', 'silu', 'tanh'];

/** The fused operations: layers, optimizer, noise, whole networks and chains. */
export function testNetworkKernels(start: Start): void {
  it('applies a dense layer and its gradients', async () => {
    const rng = new Rng(7);
    for (const activation of activations) {
      for (let trial = 0; trial < 8; trial++) {
        const [batch, fanIn, fanOut] = [trial === 0 ? 300 : pick(rng), pick(rng), pick(rng)];
        await agree(start, trial, draw => {
          const x = draw([batch, fanIn], 2) as Tensor2D;
          const weight = draw([fanIn, fanOut], 1 / Math.sqrt(fanIn)) as Tensor2D;
          const bias = draw([fanOut]) as Tensor1D;
          const direction = draw([batch, fanOut]);
          const f = (...[x, w, b]: Tensor[]) =>
            dense(x as Tensor2D, w as Tensor2D, b as Tensor1D, activation)
              .mul(direction)
              .sum()
              .asScalar();
          return [dense(x, weight, bias, activation), ...tf.grads(f)([x, weight, bias])];
        });
      }
    }
  });

  it('steps Adam and averages by Polyak', async () => {
    for (const [weightDecay, clipNorm] of [
      [0, Infinity],
      [0, 0.5],
      [0.01, 1000],
    ] as const) {
      await agree(start, 8, draw => {
        const shapes = [[37, 129], [129], [1], [64, 130]];
        const make = () => shapes.map(shape => tf.variable(draw(shape)));
        const zeros = () => shapes.map(shape => tf.variable(tf.zeros(shape)));
        const [theta, target, m, v] = [make(), make(), zeros(), zeros()];
        const alias = theta[0]!.clone(); // must keep its numbers
        const norms: Tensor[] = [];
        for (let step = 1; step <= 3; step++) {
          const gradients = shapes.map(shape => draw(shape));
          const rates = { learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-5, weightDecay, clipNorm, step };
          norms.push(adamStep(theta, gradients, m, v, rates));
          polyakStep(target, theta, 0.005);
        }
        const all: Variable[] = [...theta, ...target, ...m, ...v];
        const results = all.map(variable => tf.clone(variable));
        tf.dispose(all);
        return [...results, ...norms, alias];
      });
    }
  });

  it('draws the noise of the plain definition, bit for bit', async () => {
    for (const count of [1, 2, 3, 4, 5, 63, 64, 65, 5000, 70001]) {
      const draw = () => {
        const noise = new StreamNoise(new Rng({ key: [7, 0xffffffff], counter: 4 * (2 ** 32 - 20) }));
        const tensors = [
          noise.normal('n', [count]),
          noise.uniform('u', [count], -0.3, 0.7),
          noise.integers('i', count, 1000003),
          noise.normal('again', [3]),
        ];
        const numbers = tensors.map(t => t.dataSync().slice());
        tf.dispose(tensors);
        return numbers;
      };
      await useBackend('cpu');
      const expected = draw();
      await start();
      expect(draw()).toEqual(expected);
    }
  });

  it('judges many candidates per state', async () => {
    for (const [batch, candidates, hidden] of [
      [1, 4, [256, 256]],
      [6, 1, [20]],
      [7, 9, [64, 33, 16]],
      [40, 30, [48]],
    ] as const) {
      await agree(start, 11, draw => {
        const layerSizes = [5 + 3, ...hidden, 1];
        const layers = layerSizes.slice(1).map((out, i) => ({
          weight: draw([layerSizes[i]!, out], 1 / Math.sqrt(layerSizes[i]!)) as Tensor2D,
          bias: draw([out], 0.1) as Tensor1D,
        }));
        const states = draw([batch, 5]) as Tensor2D;
        return forward({ layers, activation: 'mish' }, states, draw([batch * candidates, 3]) as Tensor2D);
      });
    }
  });

  it('runs a stack of layers in one call, with the bits of layer by layer', async () => {
    await start();
    for (const batch of [1, 2, 5, 8, 9, 30]) {
      const noise = new StreamNoise(new Rng(12));
      const layerSizes = [17, 40, 33, 6];
      const layers = layerSizes.slice(1).map((out, i) => ({
        weight: noise.normal('w', [layerSizes[i]!, out]) as Tensor2D,
        bias: noise.normal('b', [out]) as Tensor1D,
      }));
      const x = noise.normal('x', [batch, 17]) as Tensor2D;
      const whole = applyStack({ layers, activation: 'relu', outputActivation: 'tanh' }, x).dataSync();
      const parts = layers.reduce((h, l, i) => dense(h, l.weight, l.bias, i === 2 ? 'tanh' : 'relu'), x).dataSync();
      expect(whole).toEqual(parts);
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
