import { expect, test } from 'vitest';
import { makeVectorEnv } from '../../envs/vector.ts';

test('the terms of the last reward add up to it', async () => {
  const env = await makeVectorEnv('Hopper-v5', 2);
  try {
    await env.reset(0);
    const { rewards } = await env.step(Float32Array.of(0.5, -0.5, 0.1, 1, 1, 1));
    const terms = env.rewardTerms!()!;
    expect(Object.keys(terms).sort()).toEqual(['alive', 'control', 'forward']);
    expect(terms.forward! + terms.control! + terms.alive!).toBeCloseTo(rewards[0]!, 12);
  } finally {
    await env.close();
  }
});
