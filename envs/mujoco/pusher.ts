import type { Rng } from '../../src/random/rng.ts';
import type { Simulation } from './mujoco.ts';
import { norm3, sumOfSquares } from './numerics.ts';
import { addUniform, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';

const FRAME_SKIP = 5;
const CONTROL_COST = 0.1;
const NEAR_COST = 0.5;
/** rad/s: half-width of the uniform noise on the start velocities of the arm. */
const VELOCITY_NOISE = 0.005;
/** m: the object starts farther than this from the goal. */
const MIN_OBJECT_DISTANCE = 0.17;
/** m: where along its two slides the object starts. */
const OBJECT_START = [
  [-0.3, 0],
  [-0.2, 0.2],
] as const;
/** First entries of the object's two slides in qpos, of the goal's, and their rates in qvel. */
const OBJECT = 7;
const GOAL = 9;

class Pusher implements Task {
  reward = 0;
  readonly terminated = false;
  info: Info = {};
  /** Distances m hand–object and object–goal as derived in the step before: v2 and v4 measure before they step. */
  readonly memory = new Float64Array(2);
  readonly #simulation: Simulation;
  readonly #version: number;
  readonly #hand: number;
  readonly #object: number;
  readonly #goal: number;

  constructor(simulation: Simulation, version: number) {
    this.#simulation = simulation;
    this.#version = version;
    this.#hand = 3 * simulation.bodyId('tips_arm');
    this.#object = 3 * simulation.bodyId('object');
    this.#goal = 3 * simulation.bodyId('goal');
  }

  randomize(rng: Rng): void {
    const { qpos, qvel } = this.#simulation;
    do {
      OBJECT_START.forEach(([low, high], axis) => {
        qpos[OBJECT + axis] = rng.uniform(low, high);
      });
    } while (Math.hypot(qpos[OBJECT]!, qpos[OBJECT + 1]!) <= MIN_OBJECT_DISTANCE);
    qpos.fill(0, GOAL);
    addUniform(qvel, VELOCITY_NOISE, rng);
    qvel.fill(0, OBJECT);
  }

  begin(): void {
    this.memory[0] = this.#distance(this.#object, this.#hand);
    this.memory[1] = this.#distance(this.#object, this.#goal);
  }

  step(action: Float64Array): void {
    let [near, distance] = [this.memory[0]!, this.memory[1]!];
    this.#simulation.ctrl.set(action);
    this.#simulation.step(FRAME_SKIP);
    this.begin();
    if (this.#version === 5) [near, distance] = [this.memory[0]!, this.memory[1]!];
    const control = -sumOfSquares(action);
    this.reward = -distance + CONTROL_COST * control - NEAR_COST * near;
    this.info =
      this.#version === 5
        ? { reward_dist: -distance, reward_ctrl: control * CONTROL_COST, reward_near: -near * NEAR_COST }
        : { reward_dist: -distance, reward_ctrl: control };
  }

  observe(out: Float64Array): void {
    const { qpos, qvel, views } = this.#simulation;
    for (let i = 0; i < 7; i++) {
      out[i] = qpos[i]!;
      out[7 + i] = qvel[i]!;
    }
    for (let i = 0; i < 3; i++) {
      out[14 + i] = views.xpos[this.#hand + i]!;
      out[17 + i] = views.xpos[this.#object + i]!;
      out[20 + i] = views.xpos[this.#goal + i]!;
    }
  }

  #distance(a: number, b: number): number {
    const { xpos } = this.#simulation.views;
    return norm3(xpos[a]! - xpos[b]!, xpos[a + 1]! - xpos[b + 1]!, xpos[a + 2]! - xpos[b + 2]!);
  }
}

const JOINTS = [
  'r_shoulder_pan',
  'r_shoulder_lift',
  'r_upper_arm_roll',
  'r_elbow_flex',
  'r_forearm_roll',
  'r_wrist_flex',
  'r_wrist_roll',
];

export const pusher: readonly TaskDefinition[] = [2, 4, 5].map(version => ({
  id: `Pusher-v${version}`,
  summary: 'a seven-joint arm that pushes a cylinder to a goal',
  model: version === 5 ? 'pusherV5.xml' : 'pusher.xml',
  modelName: 'pusher',
  views: ['xpos'],
  sizes: [11, 11],
  frameSkip: FRAME_SKIP,
  timestep: 0.01,
  maxEpisodeSteps: 100,
  layout: [
    { size: 7, name: 'qpos[0:7]', meaning: 'arm angles rad' },
    { size: 7, name: 'qvel[0:7]', meaning: 'arm rad/s' },
    { size: 3, name: 'tips_arm', meaning: 'hand x, y, z m' },
    { size: 3, name: 'object', meaning: 'cylinder x, y, z m' },
    { size: 3, name: 'goal', meaning: 'goal x, y, z m' },
  ],
  ...symmetric(7, 2),
  actions: JOINTS.map(name => ({ name, scale: '×1' })),
  actionUnit: 'torque N m',
  rewardText: '− distance object to goal  −  0.1 Σ a²  −  0.5 · distance hand to object',
  endText: 'never before the time limit',
  versionText: 'v2 = v4 distances before the step    v5 heavier object, distances after the step',
  create: simulation => new Pusher(simulation, version),
}));
