import { expect, it } from 'vitest';
import { firstNonFinite } from '../../../src/loops/finite.ts';
import { Rng } from '../../../src/random/rng.ts';
import { nonFiniteIndex } from '../../../src/tensor/ops/finite.ts';
import { tf } from '../../../src/tensor/tf.ts';

it('finds one bad number anywhere, and none among the largest finite ones', () => {
  const rng = new Rng(1);
  for (let size = 1; size < 70; size++) {
    const values = Float32Array.from({ length: size }, () => (rng.integer(2) ? 3.4e38 : -3.4e38));
    expect(nonFiniteIndex(values)).toBeUndefined();
    const at = rng.integer(size);
    values[at] = [Number.NaN, Infinity, -Infinity][size % 3]!;
    expect(nonFiniteIndex(values)).toBe(at);
  }
  expect(nonFiniteIndex(Float32Array.of(Infinity, 0, 0, 0, -Infinity))).toBe(0);
});

it('names the variable, and leaves targets to their originals', () => {
  const variables = {
    'targetCritic/w': tf.variable(tf.tensor1d([Number.NaN])),
    'critic/w': tf.variable(tf.tensor1d([1, 2])),
  };
  expect(firstNonFinite(variables)).toBeUndefined();
  variables['critic/w'].assign(tf.tensor1d([1, -Infinity]));
  expect(firstNonFinite(variables)).toBe('critic/w[1] is -Infinity');
});
