import type { Rng } from '../../src/random/rng.ts';
import type { Simulation } from './mujoco.ts';
import { addUniform, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';

/** Engine steps per environment step. */
const FRAME_SKIP = 2;
/** rad; a pole tilted further has fallen. */
const MAX_ANGLE = 0.2;
/** m, rad and their rates: half-width of the uniform start noise. */
const RESET_NOISE = 0.01;
/** N per unit of gear; v2 declares but does not enforce it. */
const MAX_CONTROL = 3;

class InvertedPendulum implements Task {
  reward = 0;
  terminated = false;
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
    simulation.step(FRAME_SKIP);
    this.terminated = !(simulation.isFinite() && Math.abs(simulation.qpos[1]!) <= MAX_ANGLE);
    this.reward = this.#version === 5 && this.terminated ? 0 : 1;
    if (this.#version === 5) this.info = { reward_survive: this.reward };
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    out[0] = qpos[0]!;
    out[1] = qpos[1]!;
    out[2] = qvel[0]!;
    out[3] = qvel[1]!;
  }
}

export const invertedPendulum: readonly TaskDefinition[] = [2, 4, 5].map(version => ({
  id: `InvertedPendulum-v${version}`,
  summary: 'a cart that keeps a pole upright',
  model: 'invertedPendulum.xml',
  modelName: 'inverted_pendulum',
  edit: version === 2 ? xml => xml.replace('<motor ', '<motor ctrllimited="false" ') : undefined,
  views: [],
  sizes: [2, 2],
  frameSkip: FRAME_SKIP,
  timestep: 0.02,
  maxEpisodeSteps: 1000,
  layout: [
    { size: 1, name: 'qpos[0]', meaning: 'cart position m' },
    { size: 1, name: 'qpos[1]', meaning: 'pole angle rad' },
    { size: 2, name: 'qvel', meaning: 'm/s, rad/s' },
  ],
  ...symmetric(1, MAX_CONTROL),
  actions: [{ name: 'slider', scale: '×100' }],
  actionUnit: 'force N',
  rewardText: version === 5 ? '1 while upright' : '1 a step',
  endText: 'pole further than 0.2 rad from upright',
  versionText: 'v2 control range not enforced    v4 enforced    v5 a fall pays 0',
  create: simulation => new InvertedPendulum(simulation, version),
}));
