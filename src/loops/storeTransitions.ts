import type { ReplayBuffer } from '../data/replayBuffer.ts';
import type { VectorStep } from '../env/env.ts';

/**
 * Stores what a step of the worlds taught: `observations` [N × obsDim] and `actions` [N × actDim] led to it. A torn
 * transition, of a simulation that diverged, teaches nothing. Throws `AgentError` if a number is not finite.
 */
export function storeTransitions(
  replay: ReplayBuffer,
  observations: Float32Array,
  actions: Float32Array,
  step: VectorStep,
): void {
  const { obsDim, actDim } = replay;
  for (let i = 0; i < step.rewards.length; i++) {
    if (step.diverged?.[i]) continue;
    replay.add({
      world: i,
      observation: observations.subarray(i * obsDim, (i + 1) * obsDim),
      action: actions.subarray(i * actDim, (i + 1) * actDim),
      reward: step.rewards[i]!,
      terminated: step.terminated[i] === 1,
      truncated: step.truncated[i] === 1,
      nextObservation: step.nextObservations.subarray(i * obsDim, (i + 1) * obsDim),
    });
  }
}
