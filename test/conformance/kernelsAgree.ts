import { expect } from 'vitest';
import { useBackend } from '../../src/backend/register.ts';
import { Rng } from '../../src/random/rng.ts';
import { type Tensor, tf } from '../../src/tensor/tf.ts';

/** What a backend is compared on: the same computation by the plain definitions on `cpu`, and there. */
export type Computation = (random: Draw) => Tensor | Tensor[];
export type Draw = (shape: number[], scale?: number) => Tensor;

/** Makes the backend current; called before each comparison, as `cpu` is current in between. */
export type Start = () => Promise<unknown>;

const sizes = [1, 2, 3, 5, 8, 11, 16, 17, 31, 32, 33, 48, 64, 100, 129];

/** A size around the widths of vectors and panels. */
export const pick = (rng: Rng) => sizes[rng.integer(sizes.length)]!;

/**
 * Computes on `cpu` and on the backend of `start`, and compares. Tolerance: relative to the largest number of the result,
 * 2e-6 · √(terms summed): sums in another order, products in one rounding (fma), exponentials and reciprocals to 1–2
 * units in the last place.
 */
export async function agree(start: Start, seed: number, compute: Computation, tolerance = 2e-5): Promise<void> {
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
