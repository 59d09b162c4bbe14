import type { Rng } from '../../src/random/rng.ts';
import { humanoidBase, humanoidCosts, humanoidLayout, observeHumanoid } from './humanoid.ts';
import type { Simulation } from './mujoco.ts';
import { addUniform, type Info, type Task, type TaskDefinition } from './task.ts';

/** Paid on every step. */
const STEP_REWARD = 1;
/** m, rad and their rates: half-width of the uniform start noise. */
const RESET_NOISE = 0.01;
/** m: torso height of the reference pose, lying. */
const START_HEIGHT = 0.105;

class HumanoidStandup implements Task {
  reward = 0;
  readonly terminated = false;
  info: Info = {};
  readonly memory = new Float64Array(0);
  readonly #simulation: Simulation;
  readonly #version: number;

  constructor(simulation: Simulation, version: number) {
    this.#simulation = simulation;
    this.#version = version;
  }

  randomize(rng: Rng): void {
    addUniform(this.#simulation.qpos, RESET_NOISE, rng);
    addUniform(this.#simulation.qvel, RESET_NOISE, rng);
  }

  begin(): void {}

  step(action: Float64Array): void {
    const simulation = this.#simulation;
    simulation.ctrl.set(action);
    simulation.step(humanoidBase.frameSkip);
    if (this.#version >= 4) simulation.contactWrenches();
    const height = simulation.qpos[2]!;
    // Divided by the engine's time step, not by the environment's.
    const up = height / simulation.timestep;
    const { controlCost, contactCost } = humanoidCosts(simulation);
    this.reward = up - controlCost - contactCost + STEP_REWARD;
    const info: Info = { reward_linup: up, reward_quadctrl: -controlCost, reward_impact: -contactCost };
    if (this.#version === 5) {
      info.x_position = simulation.qpos[0]!;
      info.y_position = simulation.qpos[1]!;
      info.z_distance_from_origin = height - START_HEIGHT;
      info.tendon_length = Array.from(simulation.views.ten_length);
      info.tendon_velocity = Array.from(simulation.views.ten_velocity);
    }
    this.info = info;
  }

  observe(out: Float64Array): void {
    observeHumanoid(this.#simulation, this.#version, out);
  }
}

export const humanoidStandup: readonly TaskDefinition[] = [2, 4, 5].map(version => ({
  ...humanoidBase,
  id: `HumanoidStandup-v${version}`,
  summary: 'a 17-joint body that gets up from lying',
  model: 'humanoidStandup.xml',
  modelName: 'humanoidstandup',
  wrenches: version >= 4,
  layout: humanoidLayout(version),
  rewardText: 'torso height / 0.003 s  +  1  −  0.1 Σ c²  −  contact',
  endText: 'never before the time limit',
  versionText: 'v2 contact forces read as 0    v4 they count    v5 348 observations',
  create: simulation => new HumanoidStandup(simulation, version),
}));
