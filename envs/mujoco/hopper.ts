import type { Rng } from '../../src/random/rng.ts';
import type { Simulation } from './mujoco.ts';
import { clip, sumOfSquares } from './numerics.ts';
import { addUniform, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';

const FRAME_SKIP = 4;
/** Seconds. */
const TIMESTEP = 0.002;
const CONTROL_COST = 1e-3;
const HEALTHY_REWARD = 1;
/** m; the torso of a healthy hopper is above. */
const MIN_HEIGHT = 0.7;
/** rad; the torso of a healthy hopper tilts less. */
const MAX_ANGLE = 0.2;
/** All other positions and velocities of a healthy hopper are within ± this. */
const MAX_STATE = 100;
/** m, rad and their rates: half-width of the uniform start noise. */
const RESET_NOISE = 5e-3;
/** Observed velocities are clipped to ± this. */
const VELOCITY_CLIP = 10;
/** m: torso height of the reference pose. */
const START_HEIGHT = 1.25;

class Hopper implements Task {
  reward = 0;
  terminated = false;
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
    const before = simulation.qpos[0]!;
    simulation.ctrl.set(action);
    simulation.step(FRAME_SKIP);
    const x = simulation.qpos[0]!;
    const velocity = (x - before) / this.#dt;
    const controlCost = CONTROL_COST * sumOfSquares(action);
    this.terminated = !this.#healthy();
    const alive = this.#version === 5 && this.terminated ? 0 : HEALTHY_REWARD;
    this.reward = velocity + alive - controlCost;
    this.info =
      this.#version === 5
        ? {
            x_position: x,
            x_velocity: velocity,
            z_distance_from_origin: simulation.qpos[1]! - START_HEIGHT,
            reward_forward: velocity,
            reward_ctrl: -controlCost,
            reward_survive: alive,
          }
        : { x_position: x, x_velocity: velocity };
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    for (let i = 0; i < 5; i++) out[i] = qpos[i + 1]!;
    for (let i = 0; i < 6; i++) out[5 + i] = clip(qvel[i]!, -VELOCITY_CLIP, VELOCITY_CLIP);
  }

  #healthy(): boolean {
    const { qpos, qvel } = this.#simulation;
    for (let i = 2; i < 6; i++) if (!(Math.abs(qpos[i]!) < MAX_STATE)) return false;
    for (let i = 0; i < 6; i++) if (!(Math.abs(qvel[i]!) < MAX_STATE)) return false;
    return qpos[1]! > MIN_HEIGHT && Math.abs(qpos[2]!) < MAX_ANGLE;
  }
}

export const hopper: readonly TaskDefinition[] = [2, 3, 4, 5].map(version => ({
  id: `Hopper-v${version}`,
  summary: 'a one-legged body that hops forward',
  model: 'hopper.xml',
  modelName: 'hopper',
  views: [],
  sizes: [6, 6],
  frameSkip: FRAME_SKIP,
  timestep: TIMESTEP,
  maxEpisodeSteps: 1000,
  layout: [
    { size: 1, name: 'qpos[1]', meaning: 'torso height m' },
    { size: 1, name: 'qpos[2]', meaning: 'torso pitch rad' },
    { size: 3, name: 'qpos[3:6]', meaning: 'thigh, leg, foot angles rad' },
    { size: 6, name: 'qvel', meaning: 'x, z m/s; pitch, thigh, leg, foot rad/s; clipped to ±10' },
  ],
  ...symmetric(3, 1),
  actions: ['thigh', 'leg', 'foot'].map(name => ({ name, scale: '×200' })),
  actionUnit: 'torque N m',
  rewardText: 'forward velocity  +  1 alive  −  0.001 Σ a²',
  endText: 'torso at 0.7 m or lower, tilted 0.2 rad or more, or a state beyond ±100',
  versionText: 'v2 = v3 = v4    v5 no alive bonus for a fall',
  published: version === 3 ? 'QVPO 3,729   DIPO 3,724   TD3 3,268   SAC 2,997   best return, 10⁶ steps' : undefined,
  create: simulation => new Hopper(simulation, version),
}));
