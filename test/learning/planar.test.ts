/** The two-dimensional experiments know their answer: eight modes, a density that adds up, and policies that stay inside. */
import { expect, test } from 'vitest';
import { planarData } from '../../envs/toy/planar.ts';
import { useBackend } from '../../src/backend/register.ts';
import { insideSupport } from '../../src/cli/toy/experiments.ts';
import { PlanarBehavior } from '../../src/loops/planar.ts';
import { Rng } from '../../src/random/rng.ts';

test('eight gaussians: modes, density and policy shift', { timeout: 600_000 }, async () => {
  await useBackend('auto');
  const { points } = planarData('8gaussians', 20_000, new Rng(0));
  const model = new PlanarBehavior({ updates: 700, batchSize: 256, hidden: 64, learningRate: 2e-3, seed: 0 });
  await model.train(points, () => {});

  const samples = model.sample(800);
  const modes = new Array<number>(8).fill(0);
  for (let i = 0; i < samples.length; i += 2)
    modes[(Math.round(Math.atan2(samples[i + 1]!, samples[i]!) / (Math.PI / 4)) + 8) % 8]!++;
  for (const count of modes) expect(count / 800).toBeGreaterThan(0.05); // an eighth each
  expect(insideSupport(samples.slice(0, 400), points)).toBeGreaterThan(0.85);

  const [grid, reach] = [24, 4.5];
  const at = (i: number) => reach * ((2 * i + 1) / grid - 1);
  const cells = Float32Array.from({ length: 2 * grid * grid }, (_, k) =>
    at(k % 2 === 0 ? (k >> 1) % grid : Math.floor((k >> 1) / grid)),
  );
  const mass = model.logDensity(cells).reduce((sum, value) => sum + Math.exp(value) * (2 * (reach / grid)) ** 2, 0);
  expect(mass).toBeGreaterThan(0.85);
  expect(mass).toBeLessThan(1.15);

  const optima = Float32Array.of(-4, -4, 0, -4.4, 4.4, 0, 4, 4, 1.5, 4, -4, 1.5, 0.5, 0.5, -1, 0); // of Q, all outside the data
  const paths = model.shift(optima, { pull: 0.05, steps: 10, descent: 15, pairs: 8 });
  expect(insideSupport(paths[0]!, points)).toBe(0);
  expect(insideSupport(paths.at(-1)!, points)).toBeGreaterThanOrEqual(0.85);
  model.dispose();
});
