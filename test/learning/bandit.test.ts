/** QVPO on a bandit with four equal optima: the entropy term keeps the policy at all of them, without it only one is left. */
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../src/backend/register.ts';
import { banditExperiment } from '../../src/cli/toy/experiments.ts';

beforeAll(async () => void (await useBackend('auto')));

describe.each([0, 1, 2])('seed %i', seed => {
  it('with the entropy term every optimum is found and kept', { timeout: 1_200_000 }, async () => {
    const { shares, modes, meanReward } = await banditExperiment(true, 4000, seed, () => {});
    expect(modes).toBe(4);
    // Uniform actions would be at the optima with 13 % each, half of them in all, for a mean reward of 0.25.
    for (const share of shares) expect(share, String(shares)).toBeGreaterThan(0.06);
    expect(shares.reduce((a, b) => a + b)).toBeGreaterThan(0.62);
    expect(meanReward).toBeGreaterThan(0.38);
  });

  it('without it the policy ends at a single one', { timeout: 600_000 }, async () => {
    const { shares, modes, meanReward } = await banditExperiment(false, 1200, seed, () => {});
    expect(modes, String(shares)).toBe(1);
    expect(Math.max(...shares)).toBeGreaterThan(0.95);
    expect(meanReward).toBeGreaterThan(0.5);
  });
});
