import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import loadMujoco, { type MainModule, type MjData, type MjModel } from '@mujoco/mujoco';
import { AgentError, UsageError } from '../../src/errors.ts';

/** mjSTATE_INTEGRATION: all an engine needs to go on bit for bit (positions and velocities alone do not suffice). */
const INTEGRATION_STATE = 16383;
/** mjDSBL_AUTORESET: a diverging world keeps its NaN, instead of silently starting over in mid-episode. */
const DISABLE_AUTORESET = 1 << 16;
/** Beyond this magnitude the engine itself calls a state bad (mjMAXVAL). */
const LARGEST = 1e10;
/** For a model whose contacts and constraints need more memory than it grants the engine. */
export const MORE_ROOM = ['more room', 'write <size memory="64M"/> into the model'] as const;
const OBJECT_BODY = 1;
const OBJECT_GEOM = 5;
const OBJECT_SITE = 6;
const OBJECT_SENSOR = 20;

let engine: Promise<MainModule> | undefined;

/** The engine module of this thread, loaded once. */
export function loadEngine(): Promise<MainModule> {
  engine ??= loadMujoco({ print: () => {}, printErr: () => {} });
  return engine;
}

/** Reads a model file of this folder; the compiled package keeps the files in its `envs` folder, beside `dist`. */
export async function readModelFile(name: string): Promise<string> {
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [join(here, name), join(here, '../../../envs/mujoco', name)];
  for (const path of candidates) {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new AgentError(`model file ${name} is missing: looked at ${candidates.join(', ')}`);
}

interface CompiledModel {
  readonly model: MjModel;
  users: number;
}
const compiled = new Map<string, CompiledModel>();

/** Array fields of the simulation that tasks read besides positions, velocities and controls. */
export type ViewName =
  | 'actuator_force'
  | 'cfrc_ext'
  | 'cinert'
  | 'cvel'
  | 'qacc'
  | 'qfrc_actuator'
  | 'qfrc_constraint'
  | 'sensordata'
  | 'site_xpos'
  | 'ten_length'
  | 'ten_velocity'
  | 'xipos'
  | 'xmat'
  | 'xpos';

/**
 * One MuJoCo world. Worlds of one thread and one model text share the compiled model. The array fields are views of
 * engine memory: they are refetched when memory growth detached them, so read them anew in every step and never hand them out.
 */
export class Simulation {
  qpos!: Float64Array;
  qvel!: Float64Array;
  ctrl!: Float64Array;
  readonly views = {} as Record<ViewName, Float64Array>;
  readonly model: MjModel;
  readonly nq: number;
  readonly nv: number;
  readonly nu: number;
  readonly timestep: number;
  readonly #engine: MainModule;
  readonly #data: MjData;
  /** Belongs to the engine's data: read, never delete. */
  readonly #warnings: MjData['warning'];
  readonly #xml: string;
  readonly #viewNames: readonly ViewName[];
  readonly #stateSize: number;
  #open = true;

  private constructor(engine: MainModule, xml: string, shared: CompiledModel, views: readonly ViewName[]) {
    this.#engine = engine;
    this.#xml = xml;
    this.model = shared.model;
    this.#viewNames = views;
    this.#data = new engine.MjData(shared.model);
    this.#warnings = this.#data.warning;
    this.nq = shared.model.nq;
    this.nv = shared.model.nv;
    this.nu = shared.model.nu;
    this.timestep = shared.model.opt.timestep;
    this.#stateSize = engine.mj_stateSize(shared.model, INTEGRATION_STATE);
    this.#fetchViews();
  }

  /** Compiles `xml` (once per thread) and makes a world of it. Throws a UsageError with the engine's message if it is no valid MJCF. */
  static async create(xml: string, views: readonly ViewName[] = []): Promise<Simulation> {
    const engine = await loadEngine();
    let shared = compiled.get(xml);
    if (!shared) {
      shared = { model: compile(engine, xml), users: 0 };
      compiled.set(xml, shared);
    }
    shared.users++;
    try {
      return new Simulation(engine, xml, shared, views);
    } catch (error) {
      release(xml);
      throw new AgentError(`no memory for another world: ${messageOf(error)}`, [], 1, { cause: error });
    }
  }

  /** Engine time, all state, controls and warm start to zero; positions to the reference pose. */
  zero(): void {
    this.refresh();
    this.#engine.mj_resetData(this.model, this.#data);
  }

  /** Computes everything derived from positions and velocities. Throws an AgentError if the engine gives up. */
  forward(): void {
    try {
      this.#engine.mj_forward(this.model, this.#data);
    } catch (error) {
      throw gaveUp(error);
    }
  }

  /** `count` engine steps with the controls held. Throws an AgentError if the engine gives up, out of memory say. */
  step(count: number): void {
    const { mj_step } = this.#engine;
    try {
      for (let i = 0; i < count; i++) mj_step(this.model, this.#data);
    } catch (error) {
      throw gaveUp(error);
    }
  }

  /** Fills `cfrc_ext`, the contact wrenches of each body. */
  contactWrenches(): void {
    this.#engine.mj_rnePostConstraint(this.model, this.#data);
  }

  /** Pairs of touching shapes, as ids, appended to a fresh array: [a0, b0, a1, b1, …]. */
  contactPairs(): number[] {
    const pairs: number[] = [];
    const contacts = this.#data.contact;
    try {
      for (let i = 0; i < contacts.size(); i++) {
        const contact = contacts.get(i)!;
        pairs.push(contact.geom1, contact.geom2);
        contact.delete();
      }
    } finally {
      contacts.delete();
    }
    return pairs;
  }

  /** Whether all positions and velocities are finite and below the engine's own limit. */
  isFinite(): boolean {
    const { qpos, qvel } = this;
    for (let i = 0; i < qpos.length; i++) if (!(Math.abs(qpos[i]!) <= LARGEST)) return false;
    for (let i = 0; i < qvel.length; i++) if (!(Math.abs(qvel[i]!) <= LARGEST)) return false;
    return true;
  }

  /** How often the engine ran out of room for contacts or constraints, or met a bad inertia, since `zero`. */
  warnings(): number {
    let count = 0;
    for (let i = 0; i < 3; i++) {
      const statistic = this.#warnings.get(i)!;
      count += statistic.number;
      statistic.delete();
    }
    return count;
  }

  /** The integration state, a copy. */
  saveState(): Float64Array {
    const buffer = new this.#engine.DoubleBuffer(this.#stateSize);
    try {
      this.#engine.mj_getState(this.model, this.#data, buffer, INTEGRATION_STATE);
      return new Float64Array(buffer.GetView());
    } finally {
      buffer.delete();
    }
  }

  /** Writes an integration state. Derived quantities stay as they are until the next step. */
  restoreState(state: Float64Array): void {
    if (state.length !== this.#stateSize)
      throw new AgentError(`saved state has ${state.length} numbers, this model has ${this.#stateSize}`);
    this.#engine.mj_setState(this.model, this.#data, state as unknown as number[], INTEGRATION_STATE);
    this.refresh();
  }

  get stateSize(): number {
    return this.#stateSize;
  }

  bodyId(name: string): number {
    return this.#idOf(OBJECT_BODY, name);
  }

  geomId(name: string): number {
    return this.#idOf(OBJECT_GEOM, name);
  }

  siteId(name: string): number {
    return this.#idOf(OBJECT_SITE, name);
  }

  /** Where the sensor's numbers begin in `sensordata`. */
  sensorAddress(name: string): number {
    return this.model.sensor_adr[this.#idOf(OBJECT_SENSOR, name)]!;
  }

  /** Engine and data, for whoever looks at contacts or pushes bodies. Both stay the simulation's own: never delete them. */
  get inside(): { readonly engine: MainModule; readonly data: MjData } {
    return { engine: this.#engine, data: this.#data };
  }

  /** Refetches the views if engine memory grew since; call before a step. */
  refresh(): void {
    if (this.qpos.length === 0) this.#fetchViews();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#data.delete();
    release(this.#xml);
  }

  #idOf(kind: number, name: string): number {
    const id = this.#engine.mj_name2id(this.model, kind, name);
    if (id < 0) throw new UsageError(`the model has no "${name}"`);
    return id;
  }

  #fetchViews(): void {
    const data = this.#data as unknown as Record<string, Float64Array>;
    this.qpos = data.qpos!;
    this.qvel = data.qvel!;
    this.ctrl = data.ctrl!;
    for (const name of this.#viewNames) this.views[name] = data[name]!;
  }
}

/** Compiles MJCF text. Throws a UsageError carrying the engine's message. */
function compile(engine: MainModule, xml: string): MjModel {
  let model: MjModel;
  try {
    model = engine.MjModel.from_xml_string(xml);
  } catch (error) {
    throw new UsageError(`the model does not compile: ${messageOf(error)}`);
  }
  const options = model.opt;
  options.disableflags |= DISABLE_AUTORESET;
  return model;
}

function release(xml: string): void {
  const shared = compiled.get(xml);
  if (!shared || --shared.users > 0) return;
  compiled.delete(xml);
  shared.model.delete();
}

function gaveUp(error: unknown): AgentError {
  return new AgentError(`the engine gave up: ${messageOf(error)}`, [MORE_ROOM], 1, { cause: error });
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().replace(/\s*\n\s*/g, ', ');
}
