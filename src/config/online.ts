import { choice, count, param } from './hyperparameters.ts';

/** What every online algorithm's table shares: how experience is gathered and kept. */
export const onlineParams = {
  warmupSteps: count(10_000, 'environment steps with uniform random actions before the first update', 0),
  updatesPerStep: param(1, 'gradient updates per environment step', { min: 0 }),
  replayCapacity: count(1_000_000, 'transitions kept; the oldest are overwritten'),
  timeLimit: choice('bootstrap', ['bootstrap', 'terminal'], 'what an episode cut by the clock means to the TD target'),
};
