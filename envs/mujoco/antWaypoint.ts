import type { Rng } from '../../src/random/rng.ts';
import { ANT_ACTIONS } from './ant.ts';
import type { Simulation } from './mujoco.ts';
import { clip, norm2 } from './numerics.ts';
import { addNormal, addUniform, type Info, symmetric, type Task, type TaskDefinition } from './task.ts';

const FRAME_SKIP = 5;
/** Seconds of an environment step. */
const DT = 0.1;
/** N m: an action of 1, as in D4RL's antmaze. */
const MAX_TORQUE = 30;
/** Length of the vector towards the waypoint that is observed. */
const COMPASS = 10;
/** m: waypoints are drawn at such a distance, in any direction. */
const WAYPOINT_DISTANCE = [2, 6] as const;
/** m: a waypoint within this distance is replaced. */
const WAYPOINT_RADIUS = 1;
/** Steps after which it is replaced unreached. */
const WAYPOINT_STEPS = 100;
/** m: the torso height of a walking ant. */
const MIN_HEIGHT = 0.2;
const MAX_HEIGHT = 1;
const HEALTHY_REWARD = 0.5;
const CONTROL_COST = 0.05;
/** As in D4RL's antmaze: m, rad; m/s, rad/s. */
const POSITION_NOISE = 0.1;
const VELOCITY_NOISE = 0.1;

/** D4RL's ant on a plane, rewarded for coming nearer to points it is shown: the walker of the antmaze collections. */
class AntWaypoint implements Task {
  reward = 0;
  terminated = false;
  info: Info = {};
  /** Waypoint x, y, and steps since it was drawn. */
  readonly memory = new Float64Array(3);
  readonly goal = this.memory.subarray(0, 2);
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  randomize(rng: Rng): void {
    addUniform(this.#simulation.qpos, POSITION_NOISE, rng);
    addNormal(this.#simulation.qvel, VELOCITY_NOISE, rng);
    this.#draw(rng);
  }

  begin(): void {}

  step(action: Float64Array): void {
    const simulation = this.#simulation;
    const before = this.#distance();
    let control = 0;
    for (let i = 0; i < 8; i++) {
      const a = clip(action[i]!, -1, 1);
      simulation.ctrl[i] = a * MAX_TORQUE;
      control += a * a;
    }
    simulation.step(FRAME_SKIP);
    const after = this.#distance();
    const { qpos } = simulation;
    const upright = 1 - 2 * (qpos[4]! * qpos[4]! + qpos[5]! * qpos[5]!);
    this.terminated = !(qpos[2]! >= MIN_HEIGHT && qpos[2]! <= MAX_HEIGHT && upright > 0);
    this.reward = (before - after) / DT + HEALTHY_REWARD - CONTROL_COST * control;
    this.info = { distance_to_waypoint: after };
    this.memory[2]!++;
  }

  afterStep(rng: Rng): void {
    if (this.#distance() <= WAYPOINT_RADIUS || this.memory[2]! >= WAYPOINT_STEPS) this.#draw(rng);
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    out.set(qpos.subarray(2));
    out.set(qvel, 13);
    const away = Math.max(1e-6, this.#distance());
    for (const axis of [0, 1]) out[27 + axis] = (COMPASS * (this.goal[axis]! - qpos[axis]!)) / away;
  }

  #draw(rng: Rng): void {
    const { qpos } = this.#simulation;
    const [angle, away] = [rng.uniform(-Math.PI, Math.PI), rng.uniform(...WAYPOINT_DISTANCE)];
    this.memory.set([qpos[0]! + away * Math.cos(angle), qpos[1]! + away * Math.sin(angle), 0]);
  }

  #distance(): number {
    const { qpos } = this.#simulation;
    return norm2(qpos[0]! - this.goal[0]!, qpos[1]! - this.goal[1]!);
  }
}

export const antWaypoint: readonly TaskDefinition[] = [
  {
    id: 'ant-waypoint-v0',
    summary: 'a four-legged body that walks to points it is shown: makes the antmaze collections',
    model: 'antD4rl.xml',
    modelName: 'ant_d4rl',
    views: [],
    sizes: [15, 14],
    frameSkip: FRAME_SKIP,
    timestep: 0.02,
    maxEpisodeSteps: 1000,
    layout: [
      { size: 1, name: 'qpos[2]', meaning: 'torso height m' },
      { size: 4, name: 'qpos[3:7]', meaning: 'orientation (w x y z)' },
      { size: 8, name: 'qpos[7:15]', meaning: 'hip and ankle of four legs rad' },
      { size: 14, name: 'qvel', meaning: 'm/s, rad/s' },
      { size: 2, name: 'compass', meaning: 'vector of length 10 towards the waypoint' },
    ],
    ...symmetric(8, 1),
    actions: ANT_ACTIONS.map(joint => ({ name: joint, scale: '×30' })),
    actionUnit: 'torque N m',
    rewardText: 'metres nearer to the waypoint per second + 0.5 − 0.05 Σa²',
    endText: 'torso height outside 0.2 to 1 m, or upside down',
    versionText: 'v0 of this project: no published results',
    create: simulation => new AntWaypoint(simulation),
  },
];
