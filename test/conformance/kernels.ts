import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../src/backend/register.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { adamStep } from '../../src/tensor/ops/adam.ts';
import { denoise } from '../../src/tensor/ops/denoise.ts';
import { type Activation, dense } from '../../src/tensor/ops/dense.ts';
import { applyStack, forward } from '../../src/tensor/ops/forward.ts';
import { mish } from '../../src/tensor/ops/mish.ts';
import { polyakStep } from '../../src/tensor/ops/polyak.ts';
import { type Tensor, type Tensor1D, type Tensor2D, tf, type Variable } from '../../src/tensor/tf.ts';

/** What a backend is compared on: the same computation by the plain definitions on `cpu`, and there. */
type Computation = (random: Draw) => Tensor | Tensor[];
type Draw = (shape: number[], scale?: number) => Tensor;

/** Makes the backend current; called before each comparison, as `cpu` is current in between. */
export type Start = () => Promise<unknown>;

export const activations: readonly Activation[] = ['linear', 'relu', 'mish', 'silu', 'tanh'];
const sizes = [1, 2, 3, 5, 8, 11, 16, 17, 31, 32, 33, 48, 64, 100, 129];

/**
 * Every op on random shapes, forward and backward, against the definition on `cpu`. Tolerance: relative to the largest
 * number of the result, 2e-6 · √(terms summed): sums in another order, products in one rounding (fma), exponentials and
 * reciprocals to 1–2 units in the last place.
 */
export function testKernels(name: string, start: Start): void {
  describe(`kernels on ${name}`, { timeout: 120_000 }, () => {
    beforeAll(start);

    async function agree(seed: number, compute: Computation, tolerance = 2e-5): Promise<void> {
      const run = async () => {
        const rng = new Rng(seed);
        const draw: Draw = (shape, scale = 1) => {
          const size = shape.reduce((product, n) => product * n, 1);
          return tf.tensor(
            Float32Array.from({ length: size }, () => scale * rng.normal()),
            shape,
          );
        };
        const results = tf.tidy(() => [compute(draw)].flat());
        const read = results.map(t => ({ shape: t.shape, values: Array.from(t.dataSync()) }));
        tf.dispose(results);
        return read;
      };
      await useBackend('cpu');
      const expected = await run();
      await start();
      const actual = await run();
      expect(actual.length).toBe(expected.length);
      expected.forEach((wanted, i) => {
        const got = actual[i]!;
        expect(got.shape).toEqual(wanted.shape);
        const size = wanted.values.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-3);
        const worst = wanted.values.reduce((m, v, j) => Math.max(m, Math.abs(v - got.values[j]!)), 0);
        expect(worst / size, `result ${i} of shape [${wanted.shape}]`).toBeLessThan(tolerance);
      });
    }

    const pick = (rng: Rng) => sizes[rng.integer(sizes.length)]!;

    it('multiplies matrices, transposed or not, in batches', async () => {
      const rng = new Rng(1);
      for (let trial = 0; trial < 40; trial++) {
        const [m, n, k] = [pick(rng), pick(rng), trial % 8 === 0 ? 700 : pick(rng)];
        const [ta, tb] = [rng.integer(2) === 1, rng.integer(2) === 1];
        const batch = trial % 4 === 0 ? [2] : [];
        await agree(trial, draw => {
          const a = draw([...batch, ...(ta ? [k, m] : [m, k])]);
          const b = draw([...batch, ...(tb ? [n, k] : [k, n])]);
          return tf.matMul(a, b, ta, tb);
        });
      }
    });

    it('multiplies, adds a bias and rectifies in one', async () => {
      await agree(2, draw =>
        tf.fused.matMul({ a: draw([9, 20]), b: draw([20, 33]), bias: draw([33]), activation: 'relu' }),
      );
    });

    it('broadcasts elementwise operations', async () => {
      const shapes: [number[], number[]][] = [
        [
          [7, 33],
          [7, 33],
        ],
        [[7, 33], [33]],
        [
          [7, 1],
          [7, 33],
        ],
        [
          [7, 33],
          [7, 1],
        ],
        [[], [5, 3]],
        [[5, 3], []],
        [[1], [70]],
        [
          [4, 1, 6],
          [1, 5, 1],
        ],
        [
          [3, 4, 5],
          [4, 5],
        ],
        [[20000], [20000]],
        [[200, 130], [130]],
        [
          [6, 1],
          [1, 9],
        ],
      ];
      const ops = [tf.add, tf.sub, tf.mul, tf.div, tf.maximum, tf.minimum, tf.squaredDifference];
      for (const [a, b] of shapes) await agree(3, draw => ops.map(op => op(draw(a), draw(b))));
    });

    it('reads what the plain kernels made: masks cast to float32, slices of our arrays', async () => {
      await agree(12, draw => {
        const [a, b] = [draw([50]), draw([50])];
        const mask = tf.cast(tf.lessEqual(a, b), 'float32');
        const index = tf.cast(tf.argMax(draw([50, 4]), 1), 'float32');
        const [first, second] = tf.split(tf.add(draw([6, 4]), 1), 2, 0) as [Tensor, Tensor];
        const f = (x: Tensor) => tf.minimum(x, b).sum().asScalar();
        return [tf.mul(mask, a), tf.add(index, a), tf.mul(first, second), tf.mean(mask), tf.grad(f)(a)];
      });
    });

    it('applies elementary functions', async () => {
      const ops: ((x: Tensor) => Tensor)[] = [
        tf.neg,
        tf.square,
        x => tf.sqrt(tf.abs(x)),
        tf.exp,
        x => tf.log(tf.abs(x)),
        tf.abs,
        tf.relu,
        tf.tanh,
        tf.sigmoid,
        tf.softplus,
        mish,
        x => tf.clipByValue(x, -0.5, 0.25),
        tf.reciprocal,
      ];
      for (const op of ops) for (const scale of [0.01, 1, 8]) await agree(4, draw => op(draw([3, 37], scale)), 1e-6);
    });

    it('keeps infinities and NaN', async () => {
      await start();
      const special = [0, -0, 1e-42, -1e-42, 88, 89, -88, -104, 1e30, -1e30, Infinity, -Infinity, Number.NaN];
      const ops: [string, (x: Tensor) => Tensor, (x: number) => number][] = [
        ['exp', tf.exp, Math.exp],
        ['log', tf.log, Math.log],
        ['tanh', tf.tanh, Math.tanh],
        ['sigmoid', tf.sigmoid, x => 1 / (1 + Math.exp(-x))],
        ['relu', tf.relu, x => (x > 0 ? x : Number.isNaN(x) ? x : 0)],
        ['maximum', x => tf.maximum(x, 0), x => Math.max(x, 0)],
        ['softplus', tf.softplus, x => (x > 30 ? x : Math.log1p(Math.exp(x)))],
      ];
      for (const [opName, op, plain] of ops) {
        const got = tf.tidy(() => op(tf.tensor1d(special)).dataSync());
        special.forEach((x, i) => {
          const wanted = Math.fround(plain(Math.fround(x)));
          const message = `${opName}(${x}) = ${got[i]}, wanted ${wanted}`;
          if (Number.isNaN(wanted)) expect(got[i], message).toBeNaN();
          else if (!Number.isFinite(wanted)) expect(got[i], message).toBe(wanted);
          else expect(Math.abs(got[i]! - wanted), message).toBeLessThanOrEqual(1e-37 + 2e-6 * Math.abs(wanted));
        });
      }
    });

    it('reduces along any contiguous axes', async () => {
      const shapes = [[1], [40000], [7, 5], [33, 129], [3, 4, 5]];
      for (const shape of shapes) {
        const axes = [undefined, 0, shape.length - 1, ...(shape.length === 3 ? [1, [0, 1], [0, 2]] : [])];
        for (const axis of axes)
          for (const keep of [false, true])
            await agree(5, draw => [tf.sum, tf.mean, tf.max, tf.min].map(op => op(draw(shape), axis, keep)));
      }
    });

    it('moves numbers: concat, slice, tile, gather, transpose, fill', async () => {
      await agree(6, draw => [
        tf.concat([draw([3, 4]), draw([3, 2]), draw([3, 1])], 1),
        tf.concat([draw([3, 4]), draw([2, 4])], 0),
        tf.concat([draw([2, 3, 4]), draw([2, 5, 4])], 1),
        tf.slice(draw([6, 5]), [2, 0], [3, 5]),
        tf.slice(draw([6, 5]), [1, 2], [4, 2]),
        tf.slice(draw([4, 3, 5]), [1, 0, 0], [1, -1, -1]),
        tf.slice(draw([4, 3, 5]), [1, 1, 2], [2, 1, 3]),
        tf.slice(draw([9]), 3, 4),
        ...tf.split(draw([6, 7]), [2, 1, 4], 1),
        ...tf.split(draw([6, 4]), 3, 0),
        tf.tile(draw([3, 4]), [5, 1]),
        tf.tile(draw([3, 1]), [1, 6]),
        tf.tile(draw([3, 2]), [2, 3]),
        tf.tile(draw([4]), [3]),
        tf.gather(draw([6, 3]), tf.tensor1d([5, 0, 0, 2], 'int32')),
        tf.gather(draw([6]), tf.tensor1d([5, 1], 'int32')),
        tf.transpose(draw([5, 7])),
        ...tf.split(draw([6, 4]), 2, 0),
        ...tf.unstack(draw([3, 4])),
        tf.fill([3, 2], 1.5),
        tf.zerosLike(draw([4])),
        tf.onesLike(draw([4])),
        tf.stack([draw([4]), draw([4])]),
      ]);
      await start();
      expect(() => tf.gather(tf.zeros([3, 2]), tf.tensor1d([3], 'int32'))).toThrow(/index 3/);
    });

    it('applies a dense layer and its gradients', async () => {
      const rng = new Rng(7);
      for (const activation of activations) {
        for (let trial = 0; trial < 8; trial++) {
          const [batch, fanIn, fanOut] = [trial === 0 ? 300 : pick(rng), pick(rng), pick(rng)];
          await agree(trial, draw => {
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
        await agree(8, draw => {
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
        await agree(11, draw => {
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
        await agree(10, draw => {
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
  });
}
