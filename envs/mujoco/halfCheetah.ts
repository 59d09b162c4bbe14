import type { Rng } from '../../src/random/rng.ts';
import type { Simulation } from './mujoco.ts';
import { sumOfSquares } from './numerics.ts';
import { addNormal, addUniform, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';

const FRAME_SKIP = 5;
/** Seconds. */
const TIMESTEP = 0.01;
const CONTROL_COST = 0.1;
/** m, rad: half-width of the uniform noise on the start position. */
const POSITION_NOISE = 0.1;
/** m/s, rad/s: standard deviation of the noise on the start velocity. */
const VELOCITY_NOISE = 0.1;

class HalfCheetah implements Task {
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
    addUniform(this.#simulation.qpos, POSITION_NOISE, rng);
    addNormal(this.#simulation.qvel, VELOCITY_NOISE, rng);
  }

  begin(): void {}

  step(action: Float64Array): void {
    const simulation = this.#simulation;
    const before = simulation.qpos[0]!;
    simulation.ctrl.set(action);
    simulation.step(FRAME_SKIP);
    const x = simulation.qpos[0]!;
    const velocity = (x - before) / this.#dt;
    const controlCost = CONTROL_COST * sumOfSquares(action);
    this.reward = velocity - controlCost;
    this.info =
      this.#version === 5
        ? { x_position: x, x_velocity: velocity, reward_forward: velocity, reward_ctrl: -controlCost }
        : { x_position: x, x_velocity: velocity, reward_run: velocity, reward_ctrl: -controlCost };
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    for (let i = 0; i < 8; i++) out[i] = qpos[i + 1]!;
    for (let i = 0; i < 9; i++) out[8 + i] = qvel[i]!;
  }
}

export const halfCheetah: readonly TaskDefinition[] = [2, 3, 4, 5].map(version => ({
  id: `HalfCheetah-v${version}`,
  summary: 'a two-legged planar body that runs forward',
  model: 'halfCheetah.xml',
  modelName: 'half_cheetah',
  views: [],
  sizes: [9, 9],
  frameSkip: FRAME_SKIP,
  timestep: TIMESTEP,
  maxEpisodeSteps: 1000,
  layout: [
    { size: 1, name: 'qpos[1]', meaning: 'torso height m' },
    { size: 1, name: 'qpos[2]', meaning: 'torso pitch rad' },
    { size: 6, name: 'qpos[3:9]', meaning: 'back thigh, shin, foot, front thigh, shin, foot rad' },
    { size: 9, name: 'qvel', meaning: 'x, z m/s; pitch and six joints rad/s' },
  ],
  ...symmetric(6, 1),
  actions: [
    { name: 'bthigh', scale: '×120' },
    { name: 'bshin', scale: '×90' },
    { name: 'bfoot', scale: '×60' },
    { name: 'fthigh', scale: '×120' },
    { name: 'fshin', scale: '×60' },
    { name: 'ffoot', scale: '×30' },
  ],
  actionUnit: 'torque N m',
  rewardText: 'forward velocity  −  0.1 Σ a²',
  endText: 'never before the time limit',
  versionText: 'v2 = v3 = v4 = v5',
  published: version === 3 ? 'QVPO 11,386   SAC 10,617   TD3 10,389   DIPO 9,555   best return, 10⁶ steps' : undefined,
  create: simulation => new HalfCheetah(simulation, version),
}));
