import { UsageError } from '../errors.ts';
import { type Hdf5File, readHdf5 } from './hdf5.ts';
import type { ArrayInfo } from './hdf5Array.ts';
import { checkFinite, type Steps, TRUNCATED } from './steps.ts';

export interface D4rlOptions {
  /** Time limit of the task: stands in for `timeouts` in files that have none. */
  readonly maxEpisodeSteps?: number;
}

/**
 * Reads a collection in D4RL's layout: flat arrays `observations` [N, obsDim], `actions` [N, actDim], `rewards`,
 * `terminals`, `timeouts` [N] or [N, 1]; reals in float32 or float64, flags as truth values, whole numbers or floats.
 * All becomes float32. The file's own `next_observations`, `infos` and `metadata` are left on the disk.
 *
 * Throws `UsageError` that names the array for: a missing key, a wrong shape or type, unequal lengths, no steps,
 * NaN or infinite numbers, flags other than 0 and 1, and no `timeouts` where the time limit is not known either.
 */
export function readD4rl(path: string, options: D4rlOptions = {}): Promise<Steps> {
  return readHdf5(path, file => readSteps(file, options));
}

/** Goals of AntMaze and maze2d collections, `infos/goal` [N, 2] as float32; undefined where the file has none. */
export function readGoals(path: string): Promise<Float32Array | undefined> {
  return readHdf5(path, file => {
    if (file.typeOf('/infos') === 'none' || file.typeOf('/infos/goal') === 'none') return undefined;
    const { shape } = matrix(file, '/infos/goal');
    const goals = new Float32Array(shape[0]! * shape[1]!);
    file.readInto('/infos/goal', goals);
    return goals;
  });
}

function readSteps(file: Hdf5File, { maxEpisodeSteps }: D4rlOptions): Steps {
  const keys = file.keys();
  for (const key of ['observations', 'actions', 'rewards', 'terminals']) {
    if (!keys.includes(key)) throw missing(file.path, key, keys);
  }
  const observations = matrix(file, 'observations');
  const actions = matrix(file, 'actions');
  const rows = observations.shape[0]!;
  const hasTimeouts = keys.includes('timeouts');
  for (const info of [actions, vector(file, 'rewards'), vector(file, 'terminals')]) checkLength(file.path, info, rows);
  if (hasTimeouts) checkLength(file.path, vector(file, 'timeouts'), rows);
  if (rows === 0) throw new UsageError(`${file.path} is empty: it has 0 steps`);
  if (!hasTimeouts && maxEpisodeSteps === undefined) {
    throw new UsageError(`${file.path} has no "timeouts", and the time limit of its task is not known`, [
      ['name the task', '--env ID'],
    ]);
  }
  const flags = readFlags(file, 'terminals', rows);
  if (hasTimeouts) addTimeouts(flags, readFlags(file, 'timeouts', rows));
  else markTimeouts(flags, maxEpisodeSteps!);
  return {
    rows,
    obsDim: observations.shape[1]!,
    actDim: actions.shape[1]!,
    observations: readReals(file, 'observations', rows * observations.shape[1]!, observations.shape[1]!),
    actions: readReals(file, 'actions', rows * actions.shape[1]!, actions.shape[1]!),
    rewards: readReals(file, 'rewards', rows, 1),
    flags,
  };
}

function missing(path: string, key: string, keys: readonly string[]): UsageError {
  const known = keys.length > 0 ? `it has ${keys.slice(0, 12).join(', ')}` : 'it has no arrays';
  return new UsageError(`${path} has no "${key}": ${known}`);
}

/** [N, width] of floats with width ≥ 1. */
function matrix(file: Hdf5File, key: string): ArrayInfo {
  const info = array(file, key);
  if (info.kind !== 'float') throw wrongType(file.path, info, 'float32 or float64');
  if (info.shape.length !== 2 || info.shape[1] === 0) throw wrongShape(file.path, info, '[N, width]');
  return info;
}

/** [N] or [N, 1]. */
function vector(file: Hdf5File, key: string): ArrayInfo {
  const info = array(file, key);
  if (key === 'rewards' && info.kind !== 'float') throw wrongType(file.path, info, 'float32 or float64');
  const fits = info.shape.length === 1 || (info.shape.length === 2 && info.shape[1] === 1);
  if (!fits) throw wrongShape(file.path, info, '[N] or [N, 1]');
  return info;
}

function array(file: Hdf5File, key: string): ArrayInfo {
  if (file.typeOf(key) === 'group') throw new UsageError(`${file.path}: "${key}" is a group, an array is wanted`);
  return file.info(key);
}

function wrongType(path: string, info: ArrayInfo, wanted: string): UsageError {
  const name = info.kind === 'boolean' ? 'bool' : `int${info.bytes * 8}`;
  return new UsageError(`${path}: "${info.path}" holds ${name}, ${wanted} is wanted`);
}

function wrongShape(path: string, info: ArrayInfo, wanted: string): UsageError {
  return new UsageError(`${path}: "${info.path}" has shape [${info.shape.join(', ')}], ${wanted} is wanted`);
}

function checkLength(path: string, info: ArrayInfo, rows: number): void {
  if (info.shape[0] === rows) return;
  throw new UsageError(`${path}: "${info.path}" has ${info.shape[0]} rows, "observations" has ${rows}`);
}

function readReals(file: Hdf5File, key: string, length: number, width: number): Float32Array {
  const values = new Float32Array(length);
  file.readInto(key, values);
  checkFinite(file.path, key, values, width);
  return values;
}

/** Truth values as 0 and 1; other numbers are refused rather than rounded. */
function readFlags(file: Hdf5File, key: string, rows: number): Uint8Array {
  const info = file.info(key);
  const values = info.bytes === 1 ? new Uint8Array(rows) : new Float64Array(rows);
  file.readInto(key, values);
  let at = 0;
  while (at < rows && (values[at] === 0 || values[at] === 1)) at++;
  if (at < rows) throw new UsageError(`${file.path}: "${key}"[${at}] is ${values[at]}, 0 or 1 is wanted`);
  return values instanceof Uint8Array ? values : Uint8Array.from(values);
}

function addTimeouts(flags: Uint8Array, timeouts: Uint8Array): void {
  for (let i = 0; i < flags.length; i++) flags[i]! |= timeouts[i]! * TRUNCATED;
}

/**
 * Marks the steps that reach the time limit, counting from each episode's start. (The published reader restarts its
 * count at 1 after a terminal, and so cuts the episode after a fall one step early; that is not imitated.)
 */
function markTimeouts(flags: Uint8Array, maxEpisodeSteps: number): void {
  let step = 0;
  for (let i = 0; i < flags.length; i++) {
    if (step === maxEpisodeSteps - 1) flags[i]! |= TRUNCATED;
    step = flags[i] === 0 ? step + 1 : 0;
  }
}
