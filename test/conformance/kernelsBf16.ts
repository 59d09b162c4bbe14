import { describe, expect, it } from 'vitest';
import { useBackend } from '../../src/backend/register.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { type DenoiserBody, definition, denoise } from '../../src/tensor/ops/denoise.ts';
import { type Activation, dense } from '../../src/tensor/ops/dense.ts';
import { judgeDefinition, judgeRows } from '../../src/tensor/ops/judge.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../src/tensor/tf.ts';

const [ACT, OBS, EMBEDDING, CALLS] = [3, 11, 8, 5];

function network(sizes: readonly number[], noise: StreamNoise, activation: Activation = 'mish'): DenoiserBody {
  const layers = sizes.slice(1).map((out, i) => ({
    weight: tf.mul(noise.normal('w', [sizes[i]!, out]), 1.2 / Math.sqrt(sizes[i]!)) as Tensor2D,
    bias: tf.mul(noise.normal('b', [out]), 0.1) as Tensor1D,
  }));
  return { layers, activation };
}

/** A chain's arguments; observation b has K noises of its own. */
function chain(batch: number, candidates: number, hidden: readonly number[], actDim = ACT, activation?: Activation) {
  const noise = new StreamNoise(new Rng(5));
  const rows = batch * candidates;
  return {
    body: network([actDim + EMBEDDING + OBS, ...hidden, actDim], noise, activation),
    embeddings: noise.normal('e', [CALLS, EMBEDDING]) as Tensor2D,
    observations: noise.normal('s', [batch, OBS]) as Tensor2D,
    candidates,
    // x ← 0.4 clip(1.2 x − 0.6 ε) + 0.5 x + 0.3 ξ
    coefficients: Float32Array.from({ length: 5 * CALLS }, (_, i) => [1.2, 0.6, 0.4, 0.5, 0.3][i % 5]!),
    initialNoise: noise.normal('i', [rows, actDim]) as Tensor2D,
    stepNoise: noise.normal('n', [CALLS, rows, actDim]),
  };
}

/** Root mean square and largest deviation, relative to the root mean square of what is wanted. */
function deviation(got: ArrayLike<number>, wanted: Float32Array): { rms: number; worst: number } {
  const size = Math.sqrt(wanted.reduce((sum, x) => sum + x * x, 0) / wanted.length);
  const off = wanted.map((x, i) => Math.abs(x - got[i]!) / size);
  return { rms: Math.sqrt(off.reduce((sum, x) => sum + x * x, 0) / off.length), worst: Math.max(...off) };
}

/**
 * bfloat16 keeps eight bits: a rounding is off by 2⁻⁹ at most, 2⁻⁹/√3 = 1.1e-3 in the mean. A hidden layer rounds weights
 * and results, so its sums of independent terms are off by √2 · 1.1e-3 = 1.6e-3 of their size; three layers by √3 of that,
 * 2.8e-3: with narrow networks, where terms are few, up to twice so much. The chain hands it on with gains about 1. The
 * worst of thousands is five such deviations. Layer 1, and every layer of a critic, is made of numbers in two parts, 2⁻¹⁷.
 */
const [ROUNDED, SPLIT] = [6e-3, 5e-5];

export function testBf16(bf16By: string): void {
  const start = (threads = 2) => useBackend('native', { threads, precision: 'bf16', bf16By });
  const both = async (compute: () => Float32Array, wanted: () => Float32Array) => {
    await useBackend('native', { threads: 2 });
    const exact = tf.tidy(wanted);
    await start();
    return deviation(tf.tidy(compute), exact);
  };

  describe(`sampling in bfloat16 by ${bf16By}`, { timeout: 120_000 }, () => {
    it.each([
      [1, 4, [256, 256, 256], ACT],
      [1, 1, [16], 1],
      [3, 2, [40, 24], 18],
      [5, 7, [64, 64, 64], 17],
      [20, 10, [33, 17], 40],
      [64, 32, [48, 100], 6],
      [128, 16, [256, 256, 256], ACT],
    ])(
      'chains of %i × %i rows through %j to %i are those of the definition',
      async (batch, candidates, hidden, actDim) => {
        const args = () => chain(batch, candidates, hidden, actDim);
        const { rms, worst } = await both(
          () => denoise(args()).dataSync() as Float32Array,
          () => definition(args()).dataSync() as Float32Array,
        );
        expect(rms).toBeLessThan(ROUNDED);
        expect(worst).toBeLessThan(5 * ROUNDED);
      },
    );

    it.each(['relu', 'silu', 'tanh', 'linear'] as const)('knows %s', async activation => {
      const args = () => chain(9, 3, [64, 32], ACT, activation);
      const { rms } = await both(
        () => denoise(args()).dataSync() as Float32Array,
        () => definition(args()).dataSync() as Float32Array,
      );
      expect(rms).toBeLessThan(ROUNDED);
    });

    it('takes a network of one layer in two parts', async () => {
      const args = () => chain(9, 3, []);
      const { worst } = await both(
        () => denoise(args()).dataSync() as Float32Array,
        () => definition(args()).dataSync() as Float32Array,
      );
      expect(worst).toBeLessThan(SPLIT);
    });

    it.each([
      [1, 4, [256, 256, 256]],
      [7, 9, [64, 33, 16]],
      [256, 16, [256, 256]],
    ])('judges %i × %i candidates through %j as the definition does', async (batch, candidates, hidden) => {
      const args = () => {
        const noise = new StreamNoise(new Rng(6));
        const nets = [1, 2].map(() => network([OBS + ACT, ...hidden, 1], noise));
        const x = noise.uniform('x', [batch * candidates, ACT], -1, 1) as Tensor2D;
        return [nets, noise.normal('s', [batch, OBS]) as Tensor2D, x] as const;
      };
      const { worst } = await both(
        () => judgeRows(...args()).dataSync() as Float32Array,
        () => judgeDefinition(...args()).dataSync() as Float32Array,
      );
      expect(worst).toBeLessThan(SPLIT);
    });

    it('gives a row the same bits alone, among few and among thousands, whatever the threads', async () => {
      const sample = (batch: number, keep: number) => {
        const all = chain(batch, 1, [64, 48, 64]);
        const [s, i] = [all.observations, all.initialNoise].map(t => tf.slice2d(t, [0, 0], [keep, -1]));
        const stepNoise = tf.slice(all.stepNoise, [0, 0, 0], [-1, keep, -1]);
        return tf.tidy(() => denoise({ ...all, observations: s!, initialNoise: i!, stepNoise }).dataSync());
      };
      await start(1);
      const among = sample(3000, 3000).slice(0, 40 * ACT);
      for (const threads of [1, 2, 3]) {
        await start(threads);
        for (const keep of [1, 2, 4, 8, 9, 16, 17, 33, 40, 300])
          expect(sample(3000, keep).slice(0, 40 * ACT)).toEqual(among.slice(0, Math.min(keep, 40) * ACT));
      }
    });

    it('lets a NaN through, and no other row sees it', async () => {
      await start();
      const args = chain(40, 1, [64, 64]);
      const spoilt = args.observations.dataSync().slice();
      spoilt[5 * OBS] = Number.NaN;
      const clean = denoise(args).dataSync();
      const got = denoise({ ...args, observations: tf.tensor2d(spoilt, [40, OBS]) }).dataSync();
      for (let i = 0; i < got.length; i++)
        if (Math.floor(i / ACT) === 5) expect(got[i]).toBeNaN();
        else expect(got[i]).toBe(clean[i]);
    });

    it('packs a weight anew when it has changed, and for those that read float32', async () => {
      await start();
      const { body, ...args } = chain(1, 4, [64, 64]);
      const variables = body.layers.map(({ weight, bias }) => ({ weight: tf.variable(weight), bias }));
      const sample = () => denoise({ ...args, body: { ...body, layers: variables as never } }).dataSync();
      const plain = () => {
        const first = tf.slice2d(variables[1]!.weight, [0, 0], [1, -1]) as Tensor2D;
        return dense(first, variables[1]!.weight as never, variables[1]!.bias, 'mish').dataSync();
      };
      const [before, seen] = [sample(), plain()];
      expect(sample()).toEqual(before);
      expect(plain()).toEqual(seen);
      variables[1]!.weight.assign(tf.mul(variables[1]!.weight, 0.5));
      const after = sample();
      expect(after).not.toEqual(before);
      await useBackend('native', { threads: 2 });
      const exact = sample();
      expect(deviation(after, exact as Float32Array).rms).toBeLessThan(ROUNDED);
      expect(exact).not.toEqual(after);
      await start();
      expect(sample()).toEqual(after);
    });
  });
}
