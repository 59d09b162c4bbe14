import { expect, it } from 'vitest';
import { useBackend } from '../../src/backend/register.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { adamStep } from '../../src/tensor/ops/adam.ts';
import { type Activation, dense } from '../../src/tensor/ops/dense.ts';
import { firstNonFiniteTensor } from '../../src/tensor/ops/finite.ts';
import { least } from '../../src/tensor/ops/least.ts';
import { lnResBlock } from '../../src/tensor/ops/lnResBlock.ts';
import { mlp } from '../../src/tensor/ops/mlp.ts';
import { polyakStep } from '../../src/tensor/ops/polyak.ts';
import { squaredErrors } from '../../src/tensor/ops/squaredErrors.ts';
import { squashedSample } from '../../src/tensor/ops/squashedGaussian.ts';
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

  it('applies one or two networks to the same input, with all gradients', async () => {
    const rng = new Rng(21);
    const ends: readonly Activation[] = ['linear', 'tanh', 'relu', 'mish']; // the last by layers
    for (const activation of activations) {
      for (let trial = 0; trial < 6; trial++) {
        const [nets, rows] = [1 + rng.integer(2), trial === 0 ? 300 : pick(rng)];
        const hidden = Array.from({ length: rng.integer(4) }, () => pick(rng));
        const shape = [pick(rng), ...hidden, pick(rng)];
        await agree(
          start,
          trial,
          draw => {
            const parameters = Array.from({ length: nets }, () =>
              shape.slice(1).flatMap((out, l) => [draw([shape[l]!, out], 1 / Math.sqrt(shape[l]!)), draw([out], 0.3)]),
            ).flat();
            const x = draw([rows, shape[0]!]);
            const directions = Array.from({ length: nets }, () => draw([rows, shape.at(-1)!]));
            const apply = (x: Tensor, all: Tensor[]) => {
              const perNet = all.length / nets;
              const stacks = Array.from({ length: nets }, (_, i) => ({
                activation,
                outputActivation: ends[trial % 4]!,
                layers: shape.slice(1).map((_, l) => ({
                  weight: all[i * perNet + 2 * l] as Tensor2D,
                  bias: all[i * perNet + 2 * l + 1] as Tensor1D,
                })),
              }));
              return mlp(stacks, x as Tensor2D);
            };
            const f = (...[x, ...all]: Tensor[]) => tf.addN(apply(x!, all).map((y, i) => y.mul(directions[i]!).sum()));
            const onlyX = (x: Tensor) => f(x, ...parameters).asScalar();
            const own = parameters.slice(0, parameters.length / nets);
            const others = parameters.slice(own.length); // no gradient reaches them
            const first = (...all: Tensor[]) =>
              apply(x, [...all, ...others])[0]!
                .sum()
                .asScalar();
            return [
              ...apply(x, parameters),
              ...tf.grads((...all) => f(...all).asScalar())([x, ...parameters]),
              tf.grad(onlyX)(x),
              ...tf.grads(first)(own),
            ];
          },
          1e-4,
        ); // sums of 300 rows of sums of 129, through up to four layers
      }
    }
  });

  it('squashes a Gaussian, takes the lesser of two, sums squared errors: forward and backward', async () => {
    const rng = new Rng(22);
    for (let trial = 0; trial < 8; trial++) {
      const [rows, actDim] = [trial === 0 ? 300 : pick(rng), 1 + rng.integer(20)];
      await agree(start, trial, draw => {
        // Far from saturation, where 1 − a² would be rounding alone.
        const [heads, xi] = [draw([rows, 2 * actDim], 0.4) as Tensor2D, draw([rows, actDim], 0.5)];
        const [toActions, toDensity] = [draw([rows, actDim]), draw([rows])];
        const sample = (heads: Tensor) => squashedSample(heads as Tensor2D, xi, [-0.5, 0.4]); // clips some
        const both = (heads: Tensor) => {
          const { actions, logDensity } = sample(heads);
          return tf.add(actions.mul(toActions).sum(), logDensity.mul(toDensity).sum()).asScalar();
        };
        const one = (heads: Tensor) => sample(heads).actions.mul(toActions).sum().asScalar();
        const { actions, logDensity } = sample(heads);
        const [a, b, y] = [draw([rows]), draw([rows]), draw([rows])] as [Tensor1D, Tensor1D, Tensor1D];
        const lesser = (a: Tensor, b: Tensor) => least(a, b).mul(toDensity).sum().asScalar();
        const errors = (a: Tensor, b: Tensor) =>
          squaredErrors([a as Tensor1D, b as Tensor1D], y)
            .loss.mul(0.7)
            .asScalar();
        return [
          ...[actions, logDensity, tf.grad(both)(heads), tf.grad(one)(heads)],
          ...[least(a, b), ...tf.grads(lesser)([a, b]), squaredErrors([a, b], y).loss, ...tf.grads(errors)([a, b])],
        ];
      });
    }
  });

  it('applies a residual block with and without dropout, with all gradients', async () => {
    const rng = new Rng(23);
    for (let trial = 0; trial < 8; trial++) {
      const [rows, width, inner] = [trial === 0 ? 300 : pick(rng), 1 + pick(rng), trial === 1 ? 700 : pick(rng)];
      await agree(
        start,
        trial,
        draw => {
          const shapes = [[rows, width], [width], [width], [width, inner], [inner], [inner, width], [width]];
          const inputs = shapes.map((shape, i) => draw(shape, i === 0 || i === 1 ? 1 : 0.3));
          const uniform = draw([rows, width]) as Tensor2D;
          const dropout = trial % 2 ? { uniform, rate: 0.25 } : undefined;
          const direction = draw([rows, width]);
          const apply = (h: Tensor, [scale, shift, w1, b1, w2, b2]: readonly Tensor[]) => {
            const fc1 = { weight: w1 as Tensor2D, bias: b1 as Tensor1D };
            const fc2 = { weight: w2 as Tensor2D, bias: b2 as Tensor1D };
            const norm = { weight: scale as Tensor1D, bias: shift as Tensor1D };
            return lnResBlock(h as Tensor2D, { norm, fc1, fc2 }, dropout);
          };
          const f = (h: Tensor, ...parameters: Tensor[]) => apply(h, parameters).mul(direction).sum().asScalar();
          return [apply(inputs[0]!, inputs.slice(1)), ...tf.grads(f)(inputs)];
        },
        1e-4, // sums of 300 rows of sums of 700; and a row of two numbers is normalised by their difference
      );
    }
  });

  it('finds the first tensor that is not finite', async () => {
    await start();
    const zeros = () => [tf.zeros([3]), tf.zeros([10000]), tf.zeros([70, 70]), tf.zeros([5])];
    expect(firstNonFiniteTensor(zeros())).toBeUndefined();
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      for (const [spoilt, index] of [
        [0, 2],
        [1, 4096],
        [1, 9999],
        [2, 17],
        [3, 4],
      ] as const) {
        const tensors = zeros();
        const values = tensors[spoilt]!.dataSync().slice() as Float32Array;
        values[index] = value;
        tensors[spoilt] = tf.tensor(values, tensors[spoilt]!.shape);
        tensors[3] = spoilt === 3 ? tensors[3]! : tf.tensor1d([0, Number.NaN, 0, 0, 0]); // a later one
        expect(firstNonFiniteTensor(tensors)).toBe(spoilt);
      }
    }
    expect(firstNonFiniteTensor([tf.fill([20], 3e38)])).toBeUndefined(); // sums would overflow
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
}
