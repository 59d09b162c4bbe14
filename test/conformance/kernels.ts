import { beforeAll, describe, expect, it } from 'vitest';
import { Rng } from '../../src/random/rng.ts';
import { mish } from '../../src/tensor/ops/mish.ts';
import { type Tensor, tf } from '../../src/tensor/tf.ts';
import { testActingKernels } from './kernelsActing.ts';
import { agree, pick, type Start } from './kernelsAgree.ts';
import { testNetworkKernels } from './kernelsNetwork.ts';
import { testObjectiveKernels } from './kernelsObjectives.ts';

/** What a backend promises beside the values of ordinary numbers. */
export interface Promises {
  /** Largest error of an elementary function, relative to the largest of some results. */
  readonly elementary: number;
  /** Arguments up to which a sine is as good. */
  readonly angles: number;
  /** Error near zero, where the relative one is not kept; denormal numbers count as zero if it is larger than they are. */
  readonly small: number;
  /** Infinities and NaN go through elementary functions. */
  readonly special: boolean;
  /** An index outside is an error. */
  readonly checksIndices: boolean;
}

const ours: Promises = { elementary: 1e-6, angles: 1e5, small: 1e-37, special: true, checksIndices: true };

/**
 * Every op on random shapes, forward and backward, against the definition on `cpu`. Tolerance: relative to the largest
 * number of the result, 2e-6 · √(terms summed): sums in another order, products in one rounding (fma), exponentials and
 * reciprocals to 1–2 units in the last place.
 */
export function testKernels(name: string, start: Start, promises: Promises = ours): void {
  describe(`kernels on ${name}`, { timeout: 600_000 }, () => {
    beforeAll(start);

    it('multiplies matrices, transposed or not, in batches', async () => {
      const rng = new Rng(1);
      for (let trial = 0; trial < 40; trial++) {
        const [m, n, k] = [pick(rng), pick(rng), trial % 8 === 0 ? 700 : pick(rng)];
        const [ta, tb] = [rng.integer(2) === 1, rng.integer(2) === 1];
        const batch = trial % 4 === 0 ? [2] : [];
        await agree(start, trial, draw => {
          const a = draw([...batch, ...(ta ? [k, m] : [m, k])]);
          const b = draw([...batch, ...(tb ? [n, k] : [k, n])]);
          return tf.matMul(a, b, ta, tb);
        });
      }
    });

    it('multiplies, adds a bias and rectifies in one', async () => {
      await agree(start, 2, draw =>
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
      for (const [a, b] of shapes) await agree(start, 3, draw => ops.map(op => op(draw(a), draw(b))));
    });

    it('reads what the plain kernels made: masks cast to float32, slices of our arrays', async () => {
      await agree(start, 12, draw => {
        const [a, b] = [draw([50]), draw([50])];
        const mask = tf.cast(tf.lessEqual(a, b), 'float32');
        const index = tf.cast(tf.argMax(draw([50, 4]), 1), 'float32');
        const [first, second] = tf.split(tf.add(draw([6, 4]), 1), 2, 0) as [Tensor, Tensor];
        const f = (x: Tensor) => tf.minimum(x, b).sum().asScalar();
        return [tf.mul(mask, a), tf.add(index, a), tf.mul(first, second), tf.mean(mask), tf.grad(f)(a)];
      });
    });

    it('takes the gradient of a gradient, and leaves no tensor of either tape', async () => {
      const f = (x: Tensor) => tf.sum(tf.mul(tf.tanh(x), tf.exp(x))).asScalar();
      const slope = (x: Tensor) => tf.grad(f)(x).square().sum().asScalar();
      await agree(start, 4, draw => [tf.grad(f)(draw([7])), tf.grad(slope)(draw([7]))]);
      const x = tf.tensor1d([0.5, -1]);
      const { numTensors } = tf.memory();
      tf.dispose([tf.grad(f)(x), tf.grad(slope)(x)]);
      expect(tf.memory().numTensors).toBe(numTensors);
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
        tf.sin,
        tf.cos,
        tf.expm1,
        x => tf.grad(x => mish(x).sum())(x),
      ];
      for (const op of ops)
        for (const scale of [0.01, 1, 8]) await agree(start, 4, draw => op(draw([3, 37], scale)), promises.elementary);
      for (const op of [tf.sin, tf.cos])
        for (const scale of [300, 1e5].filter(scale => scale <= promises.angles))
          await agree(start, 4, draw => op(draw([3, 37], scale)), promises.elementary);
    });

    it('keeps infinities and NaN', async () => {
      await start();
      const finite = [0, -0, ...(promises.small < 1e-36 ? [1e-42, -1e-42] : []), 88, -88, -104, -1e30];
      const special = promises.special ? [...finite, 89, 1e30, Infinity, -Infinity, Number.NaN] : finite;
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
          else
            expect(Math.abs(got[i]! - wanted), message).toBeLessThanOrEqual(promises.small + 2e-6 * Math.abs(wanted));
        });
      }
    });

    it('reduces along any contiguous axes', async () => {
      const shapes = [[1], [40000], [7, 5], [33, 129], [3, 4, 5]];
      for (const shape of shapes) {
        const axes = [undefined, 0, shape.length - 1, ...(shape.length === 3 ? [1, [0, 1], [0, 2]] : [])];
        for (const axis of axes)
          for (const keep of [false, true])
            await agree(start, 5, draw => [tf.sum, tf.mean, tf.max, tf.min].map(op => op(draw(shape), axis, keep)));
      }
    });

    it('adds and joins many tensors', async () => {
      for (const count of [1, 2, 7, 8, 9, 14, 40]) {
        await agree(start, 13, draw => {
          const tensors = Array.from({ length: count }, () => draw([3, 5]));
          return [tf.addN(tensors), tf.concat(tensors, 0), tf.concat(tensors, 1), tf.stack(tensors)];
        });
      }
    });

    it('moves numbers: concat, slice, tile, gather, transpose, fill', async () => {
      await agree(start, 6, draw => [
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
      if (!promises.checksIndices) return;
      expect(() => tf.gather(tf.zeros([3, 2]), tf.tensor1d([3], 'int32'))).toThrow(/index (value )?3\b/);
    });

    testNetworkKernels(start);
    testObjectiveKernels(start);
    testActingKernels(start);
  });
}
