import type { Rng } from '../../src/random/rng.ts';
import { generalSquare } from './generalSquare.ts';
import type { Simulation } from './mujoco.ts';
import { clip } from './numerics.ts';
import { addNormal, addUniform, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';
import { vectorCos, vectorSin } from './vectorMath.ts';

const FRAME_SKIP = 5;
/** m, rad: half-width of the uniform noise on the start position. */
const POSITION_NOISE = 0.1;
/** m/s, rad/s: standard deviation of the noise on the start velocity. */
const VELOCITY_NOISE = 0.1;
/** Reward for a step in which the tip stays up. */
const ALIVE = 10;
/** m; a tip at or below this height ends the episode. */
const MIN_HEIGHT = 1;
/** Observed velocities and constraint forces are clipped to ± this. */
const OBSERVATION_CLIP = 10;

class InvertedDoublePendulum implements Task {
  reward = 0;
  terminated = false;
  info: Info = {};
  readonly memory = new Float64Array(0);
  readonly #simulation: Simulation;
  readonly #version: number;
  readonly #tip: number;

  constructor(simulation: Simulation, version: number) {
    this.#simulation = simulation;
    this.#version = version;
    this.#tip = 3 * simulation.siteId('tip');
  }

  randomize(rng: Rng): void {
    addUniform(this.#simulation.qpos, POSITION_NOISE, rng);
    addNormal(this.#simulation.qvel, VELOCITY_NOISE, rng);
  }

  begin(): void {}

  step(action: Float64Array): void {
    const simulation = this.#simulation;
    simulation.ctrl.set(action);
    simulation.step(FRAME_SKIP);
    const { site_xpos } = simulation.views;
    const x = site_xpos[this.#tip]!;
    const z = site_xpos[this.#tip + 2]!;
    const v1 = simulation.qvel[1]!;
    const v2 = simulation.qvel[2]!;
    const distancePenalty = 0.01 * generalSquare(x) + generalSquare(z - 2);
    const velocityPenalty = 1e-3 * generalSquare(v1) + 5e-3 * generalSquare(v2);
    this.terminated = z <= MIN_HEIGHT;
    const alive = this.#version === 5 && this.terminated ? 0 : ALIVE;
    this.reward = alive - distancePenalty - velocityPenalty;
    if (this.#version === 5)
      this.info = {
        reward_survive: alive,
        distance_penalty: -distancePenalty,
        velocity_penalty: -velocityPenalty,
      };
  }

  observe(out: Float64Array): void {
    const { qpos, qvel, views } = this.#simulation;
    out[0] = qpos[0]!;
    out[1] = vectorSin(qpos[1]!);
    out[2] = vectorSin(qpos[2]!);
    out[3] = vectorCos(qpos[1]!);
    out[4] = vectorCos(qpos[2]!);
    for (let i = 0; i < 3; i++) out[5 + i] = clip(qvel[i]!, -OBSERVATION_CLIP, OBSERVATION_CLIP);
    const forces = this.#version === 5 ? 1 : 3;
    for (let i = 0; i < forces; i++) out[8 + i] = clip(views.qfrc_constraint[i]!, -OBSERVATION_CLIP, OBSERVATION_CLIP);
  }
}

export const invertedDoublePendulum: readonly TaskDefinition[] = [2, 4, 5].map(version => ({
  id: `InvertedDoublePendulum-v${version}`,
  summary: 'a cart that keeps two poles in series upright',
  model: 'invertedDoublePendulum.xml',
  modelName: 'inverted_double_pendulum',
  views: ['site_xpos', 'qfrc_constraint'],
  sizes: [3, 3],
  frameSkip: FRAME_SKIP,
  timestep: 0.01,
  maxEpisodeSteps: 1000,
  layout: [
    { size: 1, name: 'qpos[0]', meaning: 'cart position m' },
    { size: 2, name: 'sin qpos[1:3]', meaning: 'pole angles' },
    { size: 2, name: 'cos qpos[1:3]', meaning: 'pole angles' },
    { size: 3, name: 'qvel', meaning: 'm/s, rad/s, clipped to ±10' },
    version === 5
      ? { size: 1, name: 'qfrc_constraint[0]', meaning: 'force on the cart N, clipped to ±10' }
      : { size: 3, name: 'qfrc_constraint', meaning: 'N, N m, clipped to ±10' },
  ],
  ...symmetric(1, 1),
  actions: [{ name: 'slider', scale: '×500' }],
  actionUnit: 'force N',
  rewardText: '10 alive  −  0.01 x²  −  (z − 2)² of the tip  −  0.001 v₁²  −  0.005 v₂²',
  endText: 'tip at 1 m or lower',
  versionText: 'v2 = v4    v5 9 observations, no alive bonus for a fall',
  create: simulation => new InvertedDoublePendulum(simulation, version),
}));
