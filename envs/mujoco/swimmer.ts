import type { Rng } from '../../src/random/rng.ts';
import type { Simulation } from './mujoco.ts';
import { norm2, sumOfSquares } from './numerics.ts';
import { addUniform, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';

const FRAME_SKIP = 4;
const CONTROL_COST = 1e-4;
/** m, rad and their rates: half-width of the uniform start noise. */
const RESET_NOISE = 0.1;

class Swimmer implements Task {
  reward = 0;
  readonly terminated = false;
  info: Info = {};
  readonly memory = new Float64Array(0);
  readonly #simulation: Simulation;
  readonly #version: number;
  readonly #dt: number;

  constructor(simulation: Simulation, version: number) {
    this.#simulation = simulation;
    this.#version = version;
    this.#dt = simulation.timestep * FRAME_SKIP;
  }

  randomize(rng: Rng): void {
    addUniform(this.#simulation.qpos, RESET_NOISE, rng);
    addUniform(this.#simulation.qvel, RESET_NOISE, rng);
  }

  begin(): void {}

  step(action: Float64Array): void {
    const simulation = this.#simulation;
    const [xBefore, yBefore] = [simulation.qpos[0]!, simulation.qpos[1]!];
    simulation.ctrl.set(action);
    simulation.step(FRAME_SKIP);
    const [x, y] = [simulation.qpos[0]!, simulation.qpos[1]!];
    const xVelocity = (x - xBefore) / this.#dt;
    const controlCost = CONTROL_COST * sumOfSquares(action);
    this.reward = xVelocity - controlCost;
    const info: Info = {
      x_position: x,
      y_position: y,
      distance_from_origin: norm2(x, y),
      x_velocity: xVelocity,
      y_velocity: (y - yBefore) / this.#dt,
      reward_ctrl: -controlCost,
    };
    if (this.#version === 5) info.reward_forward = xVelocity;
    else {
      info.reward_fwd = xVelocity;
      info.forward_reward = xVelocity;
    }
    this.info = info;
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    for (let i = 0; i < 3; i++) out[i] = qpos[2 + i]!;
    for (let i = 0; i < 5; i++) out[3 + i] = qvel[i]!;
  }
}

export const swimmer: readonly TaskDefinition[] = [2, 3, 4, 5].map(version => ({
  id: `Swimmer-v${version}`,
  summary: 'three links that swim forward in a thick fluid',
  model: 'swimmer.xml',
  modelName: 'swimmer',
  views: [],
  sizes: [5, 5],
  frameSkip: FRAME_SKIP,
  timestep: 0.01,
  maxEpisodeSteps: 1000,
  layout: [
    { size: 3, name: 'qpos[2:5]', meaning: 'heading, two joint angles rad' },
    { size: 5, name: 'qvel', meaning: 'x, y m/s; heading, two joints rad/s' },
  ],
  ...symmetric(2, 1),
  actions: ['motor1_rot', 'motor2_rot'].map(name => ({ name, scale: '×150' })),
  actionUnit: 'torque N m',
  rewardText: 'forward velocity  −  0.0001 Σ a²',
  endText: 'never before the time limit',
  versionText: 'v2 = v3 = v4 = v5',
  create: simulation => new Swimmer(simulation, version),
}));
