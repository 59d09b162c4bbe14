import { type Steps, TERMINATED, TRUNCATED } from '../data/steps.ts';
import type { Env } from '../env/env.ts';
import { AgentError } from '../errors.ts';
import { Breather } from './breather.ts';

/** Who acts while a collection is made, and when the clock is stopped. */
export interface Driver {
  /** The world was reset, or stands at the beginning. */
  begin(observation: Float32Array): void;
  /** Action in [-1, 1] for the moment; may be reused by the driver. */
  act(observation: Float32Array): Float32Array;
  /**
   * After step number `elapsed` of the episode (1 for the first), which led to `observation`: whether the clock ends the
   * episode here. The driver has chosen its next goal when this returns true without a reset.
   */
  timeout(observation: Float32Array, elapsed: number): boolean;
  /** Whether the world starts anew after a timeout; else it goes on from where it is. */
  readonly resets: boolean;
  /** Whether the end of the task ends the episode. */
  readonly heedsTermination: boolean;
  /** Where it is going. */
  readonly goal?: readonly [number, number];
}

/** Steps as they were taken, with what D4RL's files hold beside them. */
export interface Collected extends Steps {
  /** True successors, also at the ends of episodes [rows, obsDim]. */
  readonly nextObservations: Float32Array;
  /** Where the driver was going [rows, 2]. */
  readonly goals?: Float32Array;
}

export interface CollectOptions {
  readonly steps: number;
  readonly seed: number;
  readonly progress?: (done: number) => void;
  /** Asked between steps; true ends early with an error: half a collection is none. */
  readonly stopped?: () => boolean;
}

/**
 * Lets the driver act for `steps` steps and keeps every one of them. A step in which the simulation diverged is left
 * out, and the one before it marked as ended by the clock. Throws `AgentError` when stopped.
 */
export async function collect(env: Env, driver: Driver, options: CollectOptions): Promise<Collected> {
  const { steps, seed, progress, stopped } = options;
  const collected = allocate(env, steps, driver.goal !== undefined);
  const { obsDim, actDim, flags } = collected;
  const breather = new Breather();
  let observation = env.reset(seed);
  let elapsed = 0;
  driver.begin(observation);
  for (let row = 0; row < steps; ) {
    const action = driver.act(observation).slice();
    const step = env.step(action);
    elapsed++;
    let over = true;
    if (step.info.diverged) {
      if (row > 0 && flags[row - 1] === 0) flags[row - 1] = TRUNCATED;
    } else {
      collected.observations.set(observation, row * obsDim);
      collected.actions.set(action, row * actDim);
      collected.rewards[row] = step.reward;
      collected.nextObservations.set(step.observation, row * obsDim);
      if (driver.goal) collected.goals?.set(driver.goal, row * 2);
      const terminated = driver.heedsTermination && step.terminated;
      const timeout = !terminated && driver.timeout(step.observation, elapsed);
      flags[row] = terminated ? TERMINATED : timeout ? TRUNCATED : 0;
      over = terminated || (timeout && driver.resets);
      if (timeout) elapsed = 0;
      row++;
    }
    observation = step.observation;
    if (over) {
      observation = env.reset();
      elapsed = 0;
      driver.begin(observation);
    }
    if (row % 1000 === 0) progress?.(row);
    if (stopped?.()) throw new AgentError(`stopped after ${row} of ${steps} steps, nothing was kept`, [], 130);
    await breather.breathe();
  }
  return collected;
}

function allocate(env: Env, rows: number, withGoals: boolean): Collected {
  const obsDim = env.spec.observationSpace.low.length;
  const actDim = env.spec.actionSpace.low.length;
  return {
    rows,
    obsDim,
    actDim,
    observations: new Float32Array(rows * obsDim),
    actions: new Float32Array(rows * actDim),
    rewards: new Float32Array(rows),
    flags: new Uint8Array(rows),
    nextObservations: new Float32Array(rows * obsDim),
    ...(withGoals ? { goals: new Float32Array(rows * 2) } : {}),
  };
}
