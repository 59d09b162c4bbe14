import type { Rng } from '../../src/random/rng.ts';
import { generalSquare } from './generalSquare.ts';
import type { Simulation } from './mujoco.ts';
import { sum } from './numerics.ts';
import { addUniform, type Info, type LayoutEntry, symmetric, type Task, type TaskDefinition } from './task.ts';
import { vectorExp } from './vectorMath.ts';

const FRAME_SKIP = 10;
/** Seconds. */
const TIMESTEP = 0.002;
/** m, rad: half-width of the uniform noise on every entry of the start position. */
const RESET_NOISE = 0.01;
/** m: head height of a standing robot; the reward fades out over the margin. */
const STAND_HEIGHT = 1.65;
const STAND_MARGIN = 0.4125;
/** m: what board and ball add to it. */
const BOARD_HEIGHT = 0.37;
/** Cosine of the torso's tilt in an upright robot. */
const UPRIGHT = 0.9;
const UPRIGHT_MARGIN = 1.9;
/** N m: actuator forces up to zero cost nothing, over this margin everything. */
const FORCE_MARGIN = 10;
/** m/s: horizontal speed at which standing still has become worthless. */
const STILL_MARGIN = 2;
/** m: a lower pelvis ends the episode. */
const MIN_PELVIS = 0.2;
const MIN_PELVIS_ON_BOARD = 0.8;
const ACTUATORS = 19;
/** Value of a gaussian tolerance one margin outside its bounds. */
const GAUSSIAN_VALUE = 0.1;
const GAUSSIAN_SCALE = Math.sqrt(-2 * Math.log(GAUSSIAN_VALUE));

/** 1 where x ≥ low, falling like a gaussian to 0.1 one margin below. */
function gaussianAbove(x: number, low: number, margin: number): number {
  return x >= low ? 1 : vectorExp(-0.5 * generalSquare(((low - x) / margin) * GAUSSIAN_SCALE));
}

/** 1 where x ≥ low, falling linearly to 0 one margin below. */
function linearAbove(x: number, low: number, margin: number): number {
  return x >= low ? 1 : Math.max(0, 1 - (low - x) / margin);
}

interface Variant {
  /** m/s to run at; undefined: stand still. */
  readonly speed?: number;
  readonly board?: 'simple' | 'hard';
}

class UnitreeH1 implements Task {
  reward = 0;
  terminated = false;
  info: Info = {};
  readonly memory = new Float64Array(0);
  readonly #simulation: Simulation;
  readonly #variant: Variant;
  readonly #head: number;
  readonly #torso: number;
  readonly #velocity: number;
  readonly #low: Float64Array;
  readonly #span: Float64Array;
  readonly #start: Float64Array;
  readonly #forces = new Float64Array(ACTUATORS);
  readonly #geoms: { readonly floor: number; readonly board: number; readonly ball: number } | undefined;

  constructor(simulation: Simulation, variant: Variant) {
    const { model } = simulation;
    this.#simulation = simulation;
    this.#variant = variant;
    this.#head = 3 * simulation.siteId('head');
    this.#torso = 9 * simulation.bodyId('torso_link');
    this.#velocity = simulation.sensorAddress('pelvis_subtreelinvel');
    // Target angles span the control ranges, in float32.
    this.#low = Float64Array.from({ length: ACTUATORS }, (_, i) => Math.fround(model.actuator_ctrlrange[2 * i]));
    this.#span = this.#low.map((low, i) => Math.fround(Math.fround(model.actuator_ctrlrange[2 * i + 1]) - low));
    this.#start = Float64Array.from(model.key_qpos);
    if (variant.board)
      this.#geoms = {
        floor: simulation.geomId('floor'),
        board: simulation.geomId('stand_board_collision'),
        ball: simulation.geomId('pivot_sphere_collision'),
      };
  }

  randomize(rng: Rng): void {
    const { qpos } = this.#simulation;
    qpos.set(this.#start);
    addUniform(qpos, RESET_NOISE, rng);
  }

  begin(): void {}

  step(action: Float64Array): void {
    const simulation = this.#simulation;
    for (let i = 0; i < ACTUATORS; i++) simulation.ctrl[i] = ((action[i]! + 1) / 2) * this.#span[i]! + this.#low[i]!;
    simulation.step(FRAME_SKIP);
    this.#judge();
    this.terminated = this.#fallen();
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    out.set(qpos);
    out.set(qvel, qpos.length);
  }

  #judge(): void {
    const { site_xpos, xmat, sensordata } = this.#simulation.views;
    const height = STAND_HEIGHT + (this.#variant.board ? BOARD_HEIGHT : 0);
    const standing = gaussianAbove(site_xpos[this.#head + 2]!, height, STAND_MARGIN);
    const upright = linearAbove(xmat[this.#torso + 8]!, UPRIGHT, UPRIGHT_MARGIN);
    const stand = standing * upright;
    const small = this.#smallControl();
    const { speed } = this.#variant;
    const xVelocity = sensordata[this.#velocity]!;
    const yVelocity = sensordata[this.#velocity + 1]!;
    const info: Info = { stand_reward: stand, small_control: small, standing, upright };
    if (speed === undefined) {
      const still = (stillness(xVelocity) + stillness(yVelocity)) / 2;
      this.reward = small * stand * still;
      info.dont_move = still;
    } else {
      const move = (5 * linearAbove(xVelocity, speed, speed) + 1) / 6;
      this.reward = small * stand * move;
      info.move = move;
    }
    this.info = info;
  }

  /** (4 + mean over actuators of max(0, 1 − (force / margin)²)) / 5. */
  #smallControl(): number {
    const { actuator_force } = this.#simulation.views;
    for (let i = 0; i < ACTUATORS; i++) {
      const distance = Math.abs(actuator_force[i]!) / FORCE_MARGIN;
      this.#forces[i] = distance < 1 ? 1 - distance * distance : 0;
    }
    return (4 + sum(this.#forces) / ACTUATORS) / 5;
  }

  #fallen(): boolean {
    const height = this.#simulation.qpos[2]!;
    if (!this.#geoms) return height < MIN_PELVIS;
    if (height < MIN_PELVIS_ON_BOARD) return true;
    const { floor, board, ball } = this.#geoms;
    const pairs = this.#simulation.contactPairs();
    for (let i = 0; i < pairs.length; i += 2) {
      const [a, b] = [pairs[i]!, pairs[i + 1]!];
      if (touchesOther(a, b, ball, [floor, board]) || touchesOther(a, b, floor, [ball])) return true;
    }
    return false;
  }
}

function stillness(velocity: number): number {
  const scaled = (velocity / STILL_MARGIN) * GAUSSIAN_SCALE;
  return vectorExp(-0.5 * (scaled * scaled));
}

/** Whether the pair (a, b) joins `shape` with anything not allowed. */
function touchesOther(a: number, b: number, shape: number, allowed: readonly number[]): boolean {
  return (a === shape && !allowed.includes(b)) || (b === shape && !allowed.includes(a));
}

const ACTUATOR_NAMES = [
  ...['left', 'right'].flatMap(side => ['hip_yaw', 'hip_roll', 'hip_pitch', 'knee', 'ankle'].map(n => `${side}_${n}`)),
  'torso',
  ...['left', 'right'].flatMap(side =>
    ['shoulder_pitch', 'shoulder_roll', 'shoulder_yaw', 'elbow'].map(n => `${side}_${n}`),
  ),
];

const BOARD_LAYOUTS: Readonly<Record<string, { readonly qpos: LayoutEntry[]; readonly qvel: LayoutEntry[] }>> = {
  none: { qpos: [], qvel: [] },
  simple: {
    qpos: [{ size: 7, name: 'qpos[26:33]', meaning: 'board x, y, z m, orientation (w x y z)' }],
    qvel: [{ size: 6, name: 'qvel[25:31]', meaning: 'board m/s, rad/s' }],
  },
  hard: {
    qpos: [
      { size: 7, name: 'qpos[26:33]', meaning: 'board x, y, z m, orientation (w x y z)' },
      { size: 7, name: 'qpos[33:40]', meaning: 'ball x, y, z m, orientation (w x y z)' },
    ],
    qvel: [
      { size: 6, name: 'qvel[25:31]', meaning: 'board m/s, rad/s' },
      { size: 6, name: 'qvel[31:37]', meaning: 'ball m/s, rad/s' },
    ],
  },
};

const MODELS = {
  none: { model: 'unitreeH1.xml', modelName: 'unitree_h1', sizes: [26, 25] },
  simple: { model: 'unitreeH1BalanceSimple.xml', modelName: 'unitree_h1_balance_simple', sizes: [33, 31] },
  hard: { model: 'unitreeH1BalanceHard.xml', modelName: 'unitree_h1_balance_hard', sizes: [40, 37] },
} as const;

function definition(name: string, summary: string, variant: Variant): TaskDefinition {
  const board = variant.board ?? 'none';
  const { qpos, qvel } = BOARD_LAYOUTS[board]!;
  return {
    id: `h1-${name}-v0`,
    summary,
    ...MODELS[board],
    views: ['site_xpos', 'xmat', 'sensordata', 'actuator_force'],
    frameSkip: FRAME_SKIP,
    timestep: TIMESTEP,
    maxEpisodeSteps: 1000,
    layout: [
      { size: 3, name: 'qpos[0:3]', meaning: 'pelvis x, y, z m' },
      { size: 4, name: 'qpos[3:7]', meaning: 'orientation (w x y z)' },
      { size: 19, name: 'qpos[7:26]', meaning: 'joint angles rad' },
      ...qpos,
      { size: 25, name: 'qvel[0:25]', meaning: 'pelvis m/s, rad/s; 19 joints rad/s' },
      ...qvel,
    ],
    ...symmetric(ACTUATORS, 1),
    actions: ACTUATOR_NAMES.map(actuator => ({ name: actuator, scale: 'servo' })),
    actionUnit: 'target angle, −1 and 1 the ends of the joint’s control range (rad)',
    rewardText: `small forces · standing · upright · ${variant.speed === undefined ? 'standing still' : `moving at ${variant.speed} m/s`}`,
    endText: variant.board
      ? 'pelvis lower than 0.8 m, ball touched, or anything but the ball on the floor'
      : 'pelvis lower than 0.2 m',
    versionText: 'v0    collision shapes are primitives, not the hulls of the robot’s meshes',
    published: `HumanoidBench calls a return of ${variant.speed === undefined ? 800 : 700} a success`,
    create: simulation => new UnitreeH1(simulation, variant),
  };
}

export const unitreeH1: readonly TaskDefinition[] = [
  definition('stand', 'a humanoid robot that stands still', {}),
  definition('walk', 'a humanoid robot that walks at 1 m/s', { speed: 1 }),
  definition('run', 'a humanoid robot that runs at 5 m/s', { speed: 5 }),
  definition('balance_simple', 'a humanoid robot on a board over a fixed ball', { board: 'simple' }),
  definition('balance_hard', 'a humanoid robot on a board over a rolling ball', { board: 'hard' }),
];
