import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { makeMujocoEnv } from '../../envs/registry.ts';
import { PolicyFile } from '../../src/loops/policyFile.ts';
import { decodeSafetensors } from '../../src/runs/safetensors.ts';

it('the shipped walker goes where it is shown', async () => {
  const file = new URL('../../envs/policies/ant-walker.safetensors', import.meta.url);
  const walker = new PolicyFile(decodeSafetensors(readFileSync(file)).tensors, { obsDim: 29, actDim: 8 }, 'ant-walker');
  const env = await makeMujocoEnv('ant-waypoint-v0');
  try {
    let observation = env.reset(1);
    let [total, steps] = [0, 0];
    for (; steps < 300; steps++) {
      const step = env.step(walker.act(observation));
      observation = step.observation;
      total += step.reward;
      if (step.terminated) break;
    }
    expect(steps).toBe(300);
    expect(total).toBeGreaterThan(240); // standing still is worth 150
  } finally {
    env.close();
  }
});
