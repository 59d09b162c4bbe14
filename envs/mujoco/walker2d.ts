import type { Rng } from '../../src/random/rng.ts';
import type { Simulation } from './mujoco.ts';
import { clip, sumOfSquares } from './numerics.ts';
import { addUniform, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';

const FRAME_SKIP = 4;
/** Seconds. */
const TIMESTEP = 0.002;
const CONTROL_COST = 1e-3;
const HEALTHY_REWARD = 1;
/** m: the torso height of a healthy walker lies strictly between. */
const MIN_HEIGHT = 0.8;
const MAX_HEIGHT = 2;
/** rad: its tilt is strictly within ± this. */
const MAX_ANGLE = 1;
/** m, rad and their rates: half-width of the uniform start noise. */
const RESET_NOISE = 5e-3;
/** Observed velocities are clipped to ± this. */
const VELOCITY_CLIP = 10;
/** m: torso height of the reference pose. */
const START_HEIGHT = 1.25;

class Walker2d implements Task {
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
    const { qpos } = simulation;
    const x = qpos[0]!;
    const velocity = (x - before) / this.#dt;
    const controlCost = CONTROL_COST * sumOfSquares(action);
    this.terminated = !(qpos[1]! > MIN_HEIGHT && qpos[1]! < MAX_HEIGHT && Math.abs(qpos[2]!) < MAX_ANGLE);
    const alive = this.#version === 5 && this.terminated ? 0 : HEALTHY_REWARD;
    this.reward = velocity + alive - controlCost;
    this.info =
      this.#version === 5
        ? {
            x_position: x,
            x_velocity: velocity,
            z_distance_from_origin: qpos[1]! - START_HEIGHT,
            reward_forward: velocity,
            reward_ctrl: -controlCost,
            reward_survive: alive,
          }
        : { x_position: x, x_velocity: velocity };
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    for (let i = 0; i < 8; i++) out[i] = qpos[i + 1]!;
    for (let i = 0; i < 9; i++) out[8 + i] = clip(qvel[i]!, -VELOCITY_CLIP, VELOCITY_CLIP);
  }
}

export const walker2d: readonly TaskDefinition[] = [2, 3, 4, 5].map(version => ({
  id: `Walker2d-v${version}`,
  summary: 'a planar biped that walks forward',
  model: version === 5 ? 'walker2dV5.xml' : 'walker2d.xml',
  modelName: 'walker2d',
  views: [],
  sizes: [9, 9],
  frameSkip: FRAME_SKIP,
  timestep: TIMESTEP,
  maxEpisodeSteps: 1000,
  layout: [
    { size: 1, name: 'qpos[1]', meaning: 'torso height m' },
    { size: 1, name: 'qpos[2]', meaning: 'torso pitch rad' },
    { size: 6, name: 'qpos[3:9]', meaning: 'thigh, leg, foot, left thigh, leg, foot rad' },
    { size: 9, name: 'qvel', meaning: 'x, z m/s; pitch and six joints rad/s; clipped to ±10' },
  ],
  ...symmetric(6, 1),
  actions: ['thigh', 'leg', 'foot', 'thigh_left', 'leg_left', 'foot_left'].map(name => ({ name, scale: '×100' })),
  actionUnit: 'torque N m',
  rewardText: 'forward velocity  +  1 alive  −  0.001 Σ a²',
  endText: 'torso outside 0.8 to 2.0 m, or tilted 1 rad or more',
  versionText: 'v2 = v3 = v4    v5 both feet with friction 1.9, no alive bonus for a fall',
  published: version === 3 ? 'QVPO 5,192   DIPO 4,917   SAC 4,888   TD3 3,514   best return, 10⁶ steps' : undefined,
  create: simulation => new Walker2d(simulation, version),
}));
