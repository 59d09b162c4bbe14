import type { Rng } from '../../src/random/rng.ts';
import type { Simulation } from './mujoco.ts';
import { norm3, sumOfSquares } from './numerics.ts';
import { addUniform, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';
import { vectorCos, vectorSin } from './vectorMath.ts';

const FRAME_SKIP = 2;
/** rad: half-width of the uniform noise on the start angles. */
const POSITION_NOISE = 0.1;
/** rad/s: half-width of the uniform noise on the start velocities of the arm. */
const VELOCITY_NOISE = 0.005;
/** m: targets lie within this distance of the shoulder. */
const TARGET_RADIUS = 0.2;

class Reacher implements Task {
  reward = 0;
  readonly terminated = false;
  info: Info = {};
  /** Fingertip minus target, m, as derived in the step before: v2 and v4 measure the distance before they step. */
  readonly memory = new Float64Array(3);
  readonly #simulation: Simulation;
  readonly #version: number;
  readonly #fingertip: number;
  readonly #target: number;

  constructor(simulation: Simulation, version: number) {
    this.#simulation = simulation;
    this.#version = version;
    this.#fingertip = 3 * simulation.bodyId('fingertip');
    this.#target = 3 * simulation.bodyId('target');
  }

  randomize(rng: Rng): void {
    const { qpos, qvel } = this.#simulation;
    addUniform(qpos, POSITION_NOISE, rng);
    do {
      qpos[2] = rng.uniform(-TARGET_RADIUS, TARGET_RADIUS);
      qpos[3] = rng.uniform(-TARGET_RADIUS, TARGET_RADIUS);
    } while (Math.hypot(qpos[2]!, qpos[3]!) >= TARGET_RADIUS);
    addUniform(qvel, VELOCITY_NOISE, rng);
    qvel.fill(0, 2);
  }

  begin(): void {
    const { xpos } = this.#simulation.views;
    for (let i = 0; i < 3; i++) this.memory[i] = xpos[this.#fingertip + i]! - xpos[this.#target + i]!;
  }

  step(action: Float64Array): void {
    const before = norm3(this.memory[0]!, this.memory[1]!, this.memory[2]!);
    this.#simulation.ctrl.set(action);
    this.#simulation.step(FRAME_SKIP);
    this.begin();
    const after = norm3(this.memory[0]!, this.memory[1]!, this.memory[2]!);
    const distance = this.#version === 5 ? after : before;
    const controlCost = sumOfSquares(action);
    this.reward = -distance - controlCost;
    this.info = { reward_dist: -distance, reward_ctrl: -controlCost };
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    for (let i = 0; i < 2; i++) {
      out[i] = vectorCos(qpos[i]!);
      out[2 + i] = vectorSin(qpos[i]!);
      out[4 + i] = qpos[2 + i]!;
      out[6 + i] = qvel[i]!;
    }
    out[8] = this.memory[0]!;
    out[9] = this.memory[1]!;
    if (this.#version !== 5) out[10] = this.memory[2]!;
  }
}

export const reacher: readonly TaskDefinition[] = [2, 4, 5].map(version => ({
  id: `Reacher-v${version}`,
  summary: 'a two-link arm that brings its fingertip to a target',
  model: 'reacher.xml',
  modelName: 'reacher',
  views: ['xpos'],
  sizes: [4, 4],
  frameSkip: FRAME_SKIP,
  timestep: 0.01,
  maxEpisodeSteps: 50,
  layout: [
    { size: 2, name: 'cos qpos[0:2]', meaning: 'joint angles' },
    { size: 2, name: 'sin qpos[0:2]', meaning: 'joint angles' },
    { size: 2, name: 'qpos[2:4]', meaning: 'target x, y m' },
    { size: 2, name: 'qvel[0:2]', meaning: 'joints rad/s' },
    {
      size: version === 5 ? 2 : 3,
      name: 'fingertip − target',
      meaning: version === 5 ? 'x, y m' : 'x, y, z m (z is always 0)',
    },
  ],
  ...symmetric(2, 1),
  actions: ['joint0', 'joint1'].map(name => ({ name, scale: '×200' })),
  actionUnit: 'torque N m',
  rewardText: '− distance to the target  −  Σ a²',
  endText: 'never before the time limit',
  versionText: 'v2 = v4 distance before the step    v5 10 observations, distance after the step',
  create: simulation => new Reacher(simulation, version),
}));
