import type { Rng } from '../random/rng.ts';
import type { Driver } from './collect.ts';
import type { PolicyFile } from './policyFile.ts';

/** Uniform actions: D4RL's `random` collections. */
export function randomDriver(actDim: number, maxEpisodeSteps: number, rng: Rng): Driver {
  return locomotion(maxEpisodeSteps, () => Float32Array.from({ length: actDim }, () => rng.uniform(-1, 1)));
}

/** Actions sampled from a policy, not its mean: D4RL's `medium` and `expert`. */
export function policyDriver(policy: PolicyFile, maxEpisodeSteps: number, rng: Rng): Driver {
  return locomotion(maxEpisodeSteps, observation => policy.act(observation, rng));
}

function locomotion(maxEpisodeSteps: number, act: (observation: Float32Array) => Float32Array): Driver {
  return {
    begin: () => {},
    act,
    timeout: (_, elapsed) => elapsed >= maxEpisodeSteps,
    resets: true,
    heedsTermination: true,
  };
}
