import type { Rng } from '../../src/random/rng.ts';
import type { Simulation, ViewName } from './mujoco.ts';
import { norm2, sum, sumOfSquares } from './numerics.ts';
import { addUniform, type Info, type LayoutEntry, symmetric, type Task, type TaskDefinition } from './task.ts';

const FRAME_SKIP = 5;
/** Seconds. */
const TIMESTEP = 0.003;
const FORWARD_WEIGHT = 1.25;
const CONTROL_COST = 0.1;
const CONTACT_COST = 5e-7;
const MAX_CONTACT_COST = 10;
const HEALTHY_REWARD = 5;
/** m: the torso height of a healthy humanoid lies strictly between. */
const MIN_HEIGHT = 1;
const MAX_HEIGHT = 2;
/** m, rad and their rates: half-width of the uniform start noise. */
const RESET_NOISE = 0.01;
const BODIES = 14;

export const HUMANOID_VIEWS: readonly ViewName[] = [
  'xipos',
  'cinert',
  'cvel',
  'qfrc_actuator',
  'cfrc_ext',
  'ten_length',
  'ten_velocity',
];

/** Σ c² of the controls the engine holds and Σ contact wrench², weighted; shared with HumanoidStandup. */
export function humanoidCosts({ ctrl, views }: Simulation): { controlCost: number; contactCost: number } {
  return {
    controlCost: CONTROL_COST * sumOfSquares(ctrl),
    contactCost: Math.min(MAX_CONTACT_COST, CONTACT_COST * sumOfSquares(views.cfrc_ext)),
  };
}

/** Writes the observation of Humanoid and HumanoidStandup: v5 leaves the world and the root's zero torques out. */
export function observeHumanoid({ qpos, qvel, views }: Simulation, version: number, out: Float64Array): void {
  const body = version === 5 ? 1 : 0;
  const dof = version === 5 ? 6 : 0;
  let at = 0;
  for (let i = 2; i < 24; i++) out[at++] = qpos[i]!;
  for (let i = 0; i < 23; i++) out[at++] = qvel[i]!;
  const { cinert, cvel, qfrc_actuator, cfrc_ext } = views;
  for (let i = body * 10; i < BODIES * 10; i++) out[at++] = cinert[i]!;
  for (let i = body * 6; i < BODIES * 6; i++) out[at++] = cvel[i]!;
  for (let i = dof; i < 23; i++) out[at++] = qfrc_actuator[i]!;
  for (let i = body * 6; i < BODIES * 6; i++) out[at++] = cfrc_ext[i]!;
}

class Humanoid implements Task {
  reward = 0;
  terminated = false;
  info: Info = {};
  /** World x and y of the centre of mass as derived in the step before. */
  readonly memory = new Float64Array(2);
  readonly #simulation: Simulation;
  readonly #version: number;
  readonly #dt: number;
  readonly #masses: Float64Array;
  readonly #totalMass: number;

  constructor(simulation: Simulation, version: number) {
    this.#simulation = simulation;
    this.#version = version;
    this.#dt = simulation.timestep * FRAME_SKIP;
    this.#masses = Float64Array.from(simulation.model.body_mass);
    this.#totalMass = sum(this.#masses);
  }

  randomize(rng: Rng): void {
    addUniform(this.#simulation.qpos, RESET_NOISE, rng);
    addUniform(this.#simulation.qvel, RESET_NOISE, rng);
  }

  begin(): void {
    this.#remember();
  }

  step(action: Float64Array): void {
    const simulation = this.#simulation;
    const [xBefore, yBefore] = [this.memory[0]!, this.memory[1]!];
    simulation.ctrl.set(action);
    simulation.step(FRAME_SKIP);
    if (this.#version >= 4) simulation.contactWrenches();
    this.#remember();
    const xVelocity = (this.memory[0]! - xBefore) / this.#dt;
    const yVelocity = (this.memory[1]! - yBefore) / this.#dt;
    const costs = humanoidCosts(simulation);
    const contactCost = this.#version === 4 ? 0 : costs.contactCost;
    const height = simulation.qpos[2]!;
    this.terminated = !(height > MIN_HEIGHT && height < MAX_HEIGHT);
    const alive = this.#version === 5 && this.terminated ? 0 : HEALTHY_REWARD;
    const forward = FORWARD_WEIGHT * xVelocity;
    this.reward = forward + alive - (costs.controlCost + contactCost);
    this.#report(xVelocity, yVelocity, forward, costs.controlCost, contactCost, alive);
  }

  observe(out: Float64Array): void {
    observeHumanoid(this.#simulation, this.#version, out);
  }

  #report(
    xVelocity: number,
    yVelocity: number,
    forward: number,
    control: number,
    contact: number,
    alive: number,
  ): void {
    const { qpos, views } = this.#simulation;
    const [x, y] = this.#version === 5 ? [qpos[0]!, qpos[1]!] : [this.memory[0]!, this.memory[1]!];
    // Whole literals: names added after a spread make hidden classes anew in each step (1.5 KB until a full collection).
    this.info =
      this.#version === 5
        ? {
            x_position: x,
            y_position: y,
            distance_from_origin: norm2(x, y),
            x_velocity: xVelocity,
            y_velocity: yVelocity,
            reward_forward: forward,
            reward_ctrl: -control,
            reward_contact: -contact,
            reward_survive: alive,
            tendon_length: Array.from(views.ten_length),
            tendon_velocity: Array.from(views.ten_velocity),
          }
        : {
            x_position: x,
            y_position: y,
            distance_from_origin: norm2(x, y),
            x_velocity: xVelocity,
            y_velocity: yVelocity,
            reward_linvel: forward,
            reward_quadctrl: -control,
            reward_alive: alive,
            reward_impact: -contact,
            forward_reward: forward,
          };
  }

  /** Centre of mass: Σ mᵢ xᵢ / Σ mᵢ over the inertial frames. */
  #remember(): void {
    const { xipos } = this.#simulation.views;
    let x = 0;
    let y = 0;
    for (let i = 0; i < BODIES; i++) {
      x += this.#masses[i]! * xipos[3 * i]!;
      y += this.#masses[i]! * xipos[3 * i + 1]!;
    }
    this.memory[0] = x / this.#totalMass;
    this.memory[1] = y / this.#totalMass;
  }
}

/** Layout of Humanoid and HumanoidStandup. */
export function humanoidLayout(version: number): LayoutEntry[] {
  const bodies = version === 5 ? 13 : 14;
  const slice = version === 5 ? '[1:14]' : '';
  const always = version < 4 ? '   always 0 in v2 and v3' : '';
  return [
    { size: 22, name: 'qpos[2:24]', meaning: 'height m, orientation (w x y z), 17 joint angles rad' },
    { size: 23, name: 'qvel', meaning: 'm/s, rad/s' },
    {
      size: bodies * 10,
      name: `cinert${slice}`,
      meaning: `${bodies} bodies × 10: inertia kg m², moment kg m, mass kg`,
    },
    { size: bodies * 6, name: `cvel${slice}`, meaning: `${bodies} bodies × 6: rad/s, m/s` },
    version === 5
      ? { size: 17, name: 'qfrc_actuator[6:23]', meaning: 'N m' }
      : { size: 23, name: 'qfrc_actuator', meaning: 'N m' },
    { size: bodies * 6, name: `cfrc_ext${slice}`, meaning: `${bodies} bodies × 6: N m, N${always}` },
  ];
}

/** Actuators in action order with their gears. */
export const HUMANOID_ACTIONS = [
  ['abdomen_y', 100],
  ['abdomen_z', 100],
  ['abdomen_x', 100],
  ['right_hip_x', 100],
  ['right_hip_z', 100],
  ['right_hip_y', 300],
  ['right_knee', 200],
  ['left_hip_x', 100],
  ['left_hip_z', 100],
  ['left_hip_y', 300],
  ['left_knee', 200],
  ['right_shoulder1', 25],
  ['right_shoulder2', 25],
  ['right_elbow', 25],
  ['left_shoulder1', 25],
  ['left_shoulder2', 25],
  ['left_elbow', 25],
].map(([name, gear]) => ({ name: String(name), scale: `×${gear}` }));

/** What all versions of both tasks share. */
export const humanoidBase = {
  views: HUMANOID_VIEWS,
  sizes: [24, 23] as const,
  frameSkip: FRAME_SKIP,
  timestep: TIMESTEP,
  maxEpisodeSteps: 1000,
  ...symmetric(17, 0.4),
  actions: HUMANOID_ACTIONS,
  actionUnit: 'torque N m',
};

const CONTACT_TEXT: Record<number, string> = { 4: '', 5: '  −  contact' };

export const humanoid: readonly TaskDefinition[] = [2, 3, 4, 5].map(version => ({
  ...humanoidBase,
  id: `Humanoid-v${version}`,
  summary: 'a 17-joint body that runs forward',
  model: 'humanoid.xml',
  modelName: 'humanoid',
  wrenches: version >= 4,
  layout: humanoidLayout(version),
  rewardText: `1.25 · forward velocity  +  5 alive  −  0.1 Σ c²${CONTACT_TEXT[version] ?? '  −  contact (0 in practice)'}`,
  endText: 'torso lower than 1.0 m or higher than 2.0 m',
  versionText: 'v2 = v3    v4 no contact term    v5 348 observations, contact counts',
  published: version === 3 ? 'TD3 5,354   QVPO 5,307   DIPO 5,280   SAC 5,160   best return, 10⁶ steps' : undefined,
  create: simulation => new Humanoid(simulation, version),
}));
