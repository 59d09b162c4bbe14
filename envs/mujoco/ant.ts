import type { Rng } from '../../src/random/rng.ts';
import type { Simulation } from './mujoco.ts';
import { clip, norm2, sumOfSquares } from './numerics.ts';
import {
  addNormal,
  addUniform,
  type Info,
  type LayoutEntry,
  symmetric,
  type Task,
  type TaskDefinition,
} from './task.ts';

export const ANT_FRAME_SKIP = 5;
/** Seconds. */
export const ANT_TIMESTEP = 0.01;
const CONTROL_COST = 0.5;
const CONTACT_COST = 5e-4;
const HEALTHY_REWARD = 1;
/** m: the torso height of a healthy ant, bounds included. */
const MIN_HEIGHT = 0.2;
const MAX_HEIGHT = 1;
/** m, rad: half-width of the uniform noise on the start position. */
const POSITION_NOISE = 0.1;
/** m/s, rad/s: standard deviation of the noise on the start velocity. */
const VELOCITY_NOISE = 0.1;
/** Contact wrenches are clipped to ± this, in N and N m. */
const CONTACT_CLIP = 1;
/** Bodies (world first) times six numbers. */
const WRENCHES = 14 * 6;

export interface AntOptions {
  readonly version: number;
  /** v4 only: observe and charge contact wrenches, as v2, v3 and v5 do. */
  readonly contactForces?: boolean;
}

/** The ant of v2 to v5; the mazes of Gymnasium-Robotics walk on it too. */
export class Ant implements Task {
  reward = 0;
  terminated = false;
  info: Info = {};
  /** World x and y of the torso as derived in the step before (they lag behind the positions). */
  readonly memory: Float64Array;
  readonly #simulation: Simulation;
  readonly #version: number;
  readonly #charged: boolean;
  readonly #dt: number;
  readonly #torso: number;
  readonly #wrenches = new Float64Array(WRENCHES);

  constructor(
    simulation: Simulation,
    { version, contactForces = version !== 4 }: AntOptions,
    memory: Float64Array = new Float64Array(2),
  ) {
    this.memory = memory;
    this.#simulation = simulation;
    this.#version = version;
    this.#charged = contactForces;
    this.#dt = simulation.timestep * ANT_FRAME_SKIP;
    this.#torso = 3 * simulation.bodyId('torso');
  }

  randomize(rng: Rng): void {
    addUniform(this.#simulation.qpos, POSITION_NOISE, rng);
    addNormal(this.#simulation.qvel, VELOCITY_NOISE, rng);
  }

  begin(): void {
    this.#clipWrenches();
    this.#remember();
  }

  step(action: Float64Array): void {
    const simulation = this.#simulation;
    const [xBefore, yBefore] = [this.memory[0]!, this.memory[1]!];
    simulation.ctrl.set(action);
    simulation.step(ANT_FRAME_SKIP);
    if (this.#version >= 4 && this.#charged) simulation.contactWrenches();
    this.#clipWrenches();
    this.#remember();
    const xVelocity = (this.memory[0]! - xBefore) / this.#dt;
    const yVelocity = (this.memory[1]! - yBefore) / this.#dt;
    const controlCost = CONTROL_COST * sumOfSquares(action);
    const contactCost = this.#charged ? CONTACT_COST * sumOfSquares(this.#wrenches) : 0;
    this.terminated = !this.#healthy();
    const alive = this.#version === 5 && this.terminated ? 0 : HEALTHY_REWARD;
    // v2 adds the same terms in another order, which shows in the last bit.
    this.reward =
      this.#version === 2
        ? xVelocity - controlCost - contactCost + alive
        : xVelocity + alive - (controlCost + contactCost);
    this.#report(xVelocity, yVelocity, controlCost, contactCost, alive);
  }

  observe(out: Float64Array): void {
    const { qpos, qvel } = this.#simulation;
    for (let i = 0; i < 13; i++) out[i] = qpos[i + 2]!;
    for (let i = 0; i < 14; i++) out[13 + i] = qvel[i]!;
    if (!this.#charged) return;
    const first = this.#version === 5 ? 6 : 0; // v5 leaves the world out
    for (let i = first; i < WRENCHES; i++) out[27 + i - first] = this.#wrenches[i]!;
  }

  #report(xVelocity: number, yVelocity: number, controlCost: number, contactCost: number, alive: number): void {
    const { qpos } = this.#simulation;
    const [x, y] = this.#version === 5 ? [qpos[0]!, qpos[1]!] : [this.memory[0]!, this.memory[1]!];
    const info: Info = {
      reward_forward: xVelocity,
      // With contact forces switched on, v4 shows the contact cost here.
      reward_ctrl: this.#version === 4 && this.#charged ? -contactCost : -controlCost,
      reward_survive: alive,
      x_position: x,
      y_position: y,
      distance_from_origin: norm2(x, y),
      x_velocity: xVelocity,
      y_velocity: yVelocity,
    };
    if (this.#version !== 5) info.forward_reward = xVelocity;
    if (this.#version !== 4) info.reward_contact = -contactCost;
    this.info = info;
  }

  #clipWrenches(): void {
    if (!this.#charged) return;
    const { cfrc_ext } = this.#simulation.views;
    for (let i = 0; i < WRENCHES; i++) this.#wrenches[i] = clip(cfrc_ext[i]!, -CONTACT_CLIP, CONTACT_CLIP);
  }

  #remember(): void {
    const { xpos } = this.#simulation.views;
    this.memory[0] = xpos[this.#torso]!;
    this.memory[1] = xpos[this.#torso + 1]!;
  }

  #healthy(): boolean {
    const height = this.#simulation.qpos[2]!;
    return this.#simulation.isFinite() && height >= MIN_HEIGHT && height <= MAX_HEIGHT;
  }
}

/** Layout of the ant's observation. */
export function antLayout({ version, contactForces = version !== 4 }: AntOptions): LayoutEntry[] {
  const layout = [
    { size: 1, name: 'qpos[2]', meaning: 'torso height m' },
    { size: 4, name: 'qpos[3:7]', meaning: 'orientation (w x y z)' },
    { size: 8, name: 'qpos[7:15]', meaning: 'hip and ankle of four legs rad' },
    { size: 14, name: 'qvel', meaning: 'm/s, rad/s' },
  ];
  if (contactForces)
    layout.push({
      size: version === 5 ? 78 : 84,
      name: version === 5 ? 'cfrc_ext[1:14]' : 'cfrc_ext',
      meaning: `${version === 5 ? 13 : 14} bodies × 6: N m, N, clipped to ±1${version < 4 ? '   always 0 in v2 and v3' : ''}`,
    });
  return layout;
}

/** Hip and ankle names in action order. */
export const ANT_ACTIONS = ['hip_4', 'ankle_4', 'hip_1', 'ankle_1', 'hip_2', 'ankle_2', 'hip_3', 'ankle_3'];

function contactText({ version, contactForces = version !== 4 }: AntOptions): string {
  if (!contactForces) return '';
  return version < 4 ? '  −  contact (0 in practice)' : '  −  0.0005 Σ contact²';
}

function definition(options: AntOptions, id = `Ant-v${options.version}`): TaskDefinition {
  const { version } = options;
  return {
    id,
    summary: 'a four-legged body that runs forward',
    model: 'ant.xml',
    modelName: 'ant',
    wrenches: version === 5 || options.contactForces === true,
    views: ['xpos', 'cfrc_ext'],
    sizes: [15, 14],
    frameSkip: ANT_FRAME_SKIP,
    timestep: ANT_TIMESTEP,
    maxEpisodeSteps: 1000,
    layout: antLayout(options),
    ...symmetric(8, 1),
    actions: ANT_ACTIONS.map(name => ({ name, scale: '×150' })),
    actionUnit: 'torque N m',
    rewardText: `forward velocity  +  1 alive  −  0.5 Σ a²${contactText(options)}`,
    endText: 'torso lower than 0.2 m or higher than 1.0 m',
    versionText:
      'v2 = v3 contact forces read as 0    v4 27 observations, no contact term    v5 105 observations, contact counts, no alive bonus for a fall',
    published: version === 3 ? 'QVPO 6,425   DIPO 6,100   SAC 5,031   TD3 4,584   best return, 10⁶ steps' : undefined,
    create: simulation => new Ant(simulation, options),
  };
}

export const ant: readonly TaskDefinition[] = [
  ...[2, 3, 4, 5].map(version => definition({ version })),
  definition({ version: 4, contactForces: true }, 'Ant-v4+contact'),
];
