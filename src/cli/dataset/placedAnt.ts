import type { MujocoEnv } from '../../../envs/mujoco/mujocoEnv.ts';
import type { Grid, Place } from '../../data/gridPlan.ts';
import type { Env, EnvState, Step } from '../../env/env.ts';
import { antPlace } from '../../loops/mazeDrivers.ts';
import type { Rng, RngState } from '../../random/rng.ts';

export interface Starts {
  readonly grid: Grid;
  readonly cells: readonly Place[];
  readonly rng: Rng;
}

/** D4RL's ant maze with other starts than the task's: a random cell, plus U(0, 1) m per axis, at every reset. */
export class PlacedAnt implements Env {
  readonly spec: Env['spec'];
  readonly #env: MujocoEnv;
  readonly #starts: Starts | undefined;

  /** Without `starts` the ant begins where the task lets it. */
  constructor(env: MujocoEnv, starts: Starts | undefined) {
    this.spec = env.spec;
    this.#env = env;
    this.#starts = starts;
  }

  reset(seed?: number | RngState): Float32Array {
    const observation = this.#env.reset(seed);
    if (!this.#starts) return observation;
    const { grid, cells, rng } = this.#starts;
    const [x, y] = antPlace(grid, cells[rng.integer(cells.length)]!);
    const { simulation } = this.#env;
    simulation.refresh();
    simulation.qpos[0]! += x + rng.uniform(0, 1);
    simulation.qpos[1]! += y + rng.uniform(0, 1);
    simulation.forward();
    observation.set(simulation.qpos.subarray(0, 2));
    return observation;
  }

  step(action: Float32Array): Step {
    return this.#env.step(action);
  }

  save(): EnvState {
    return this.#env.save();
  }

  restore(state: EnvState): Float32Array {
    return this.#env.restore(state);
  }

  qpos(): Float64Array {
    return this.#env.qpos();
  }

  close(): void {
    this.#env.close();
  }
}

/** Goals drawn to find their middle. */
const GOALS = 200;

/**
 * Mean of the goals that a task draws. D4RL rewards one goal that was drawn once, a policy is evaluated on all of them
 * without being told: one at the edge (0.6 m off the middle with seed 0) would teach it to walk past most.
 */
export function middleOfGoals(env: MujocoEnv, seed: number): [x: number, y: number] {
  const goals = Array.from({ length: GOALS }, (_, i) => {
    env.reset(i === 0 ? seed : undefined);
    return Array.from(env.task.goal!);
  });
  const mean = (axis: number) => goals.reduce((sum, goal) => sum + goal[axis]!, 0) / GOALS;
  return [mean(0), mean(1)];
}
