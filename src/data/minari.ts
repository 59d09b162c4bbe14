import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors.ts';
import { type Hdf5File, readHdf5 } from './hdf5.ts';
import { checkFinite, FINAL, type Steps, TERMINATED, TRUNCATED } from './steps.ts';

/** What `metadata.json` says that matters here. */
export interface MinariMetadata {
  readonly id?: string;
  /** Environment id of `env_spec`. */
  readonly envId?: string;
  readonly action?: { readonly low: readonly number[]; readonly high: readonly number[] };
  readonly scores?: { readonly min: number; readonly max: number };
}

/** The order in which goal tasks lay out their dictionary as one observation; other dictionaries go by name. */
const GOAL_KEYS = ['observation', 'achieved_goal', 'desired_goal'];

/** `main_data.hdf5` of a Minari dataset, given as its folder, its `data` folder or the file; undefined for anything else. */
export function minariFile(path: string): string | undefined {
  if (basename(path) === 'main_data.hdf5') return path;
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  return [join(path, 'data', 'main_data.hdf5'), join(path, 'main_data.hdf5')].find(file => existsSync(file));
}

/** Reads `metadata.json` beside `main_data.hdf5`; nothing is known where there is none. Throws `UsageError` if it is not JSON. */
export function readMinariMetadata(file: string): MinariMetadata {
  const path = join(dirname(file), 'metadata.json');
  if (!existsSync(path)) return {};
  try {
    const outer = parseLenient(readFileSync(path, 'utf8')) as Record<string, unknown>;
    const space = nested(outer.action_space);
    const spec = nested(outer.env_spec);
    const { ref_min_score: min, ref_max_score: max } = outer;
    return {
      id: typeof outer.dataset_id === 'string' ? outer.dataset_id : undefined,
      envId: typeof spec?.id === 'string' ? spec.id : undefined,
      action: isBox(space) ? { low: space.low, high: space.high } : undefined,
      scores: typeof min === 'number' && typeof max === 'number' ? { min, max } : undefined,
    };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`${path} is not JSON: ${error.message}`);
  }
}

/**
 * Reads a collection in Minari's layout (groups `episode_0`, `episode_1`, …; observations have one entry more than
 * actions). Actions are mapped from the bounds of the metadata to [-1, 1]; dictionaries of observations are laid side
 * by side. Everything becomes float32. Throws `UsageError` naming the episode and array that is missing, misshapen,
 * of the wrong type, damaged or not finite.
 */
export async function readMinari(path: string): Promise<Steps> {
  const { action } = readMinariMetadata(path);
  return readHdf5(path, file => {
    const steps = readEpisodes(file, episodeNames(file));
    if (action) mapActions(path, steps, action);
    return steps;
  });
}

function episodeNames(file: Hdf5File): string[] {
  const names = file.keys().filter(name => /^episode_\d+$/.test(name));
  if (names.length === 0) throw new UsageError(`${file.path} has no episodes: no group is called episode_0`);
  return names.sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)));
}

function readEpisodes(file: Hdf5File, names: readonly string[]): Steps {
  const lengths = names.map(name => shapeOf(file, `${name}/actions`, 'float')[0]!);
  const parts = observationParts(file, names[0]!);
  const obsDim = parts.reduce((sum, { width }) => sum + width, 0);
  const actDim = shapeOf(file, `${names[0]}/actions`, 'float')[1] ?? 1;
  const rows = lengths.reduce((sum, length) => sum + length + 1, 0);
  const steps = {
    rows,
    obsDim,
    actDim,
    observations: new Float32Array(rows * obsDim),
    actions: new Float32Array(rows * actDim),
    rewards: new Float32Array(rows),
    flags: new Uint8Array(rows),
  };
  let row = 0;
  names.forEach((name, i) => {
    readEpisode(file, name, lengths[i]!, parts, steps, row);
    row += lengths[i]! + 1;
  });
  for (const [key, width] of [
    ['observations', obsDim],
    ['actions', actDim],
    ['rewards', 1],
  ] as const)
    checkFinite(file.path, key, steps[key], width);
  return steps;
}

interface Part {
  /** Below the episode's group. */
  readonly path: string;
  readonly width: number;
}

function observationParts(file: Hdf5File, episode: string): Part[] {
  const root = `${episode}/observations`;
  if (file.typeOf(root) === 'none') throw new UsageError(`${file.path} has no "${root}"`);
  const leaves = (path: string): string[] => {
    if (file.typeOf(path) !== 'group') return [path];
    const keys = file.keys(path);
    const goal = keys.length === 3 && GOAL_KEYS.every(key => keys.includes(key));
    return (goal ? GOAL_KEYS : keys.sort()).flatMap(key => leaves(`${path}/${key}`));
  };
  return leaves(root).map(path => ({
    path: path.slice(episode.length + 1),
    width: shapeOf(file, path, 'float')[1] ?? 1,
  }));
}

function readEpisode(
  file: Hdf5File,
  name: string,
  length: number,
  parts: readonly Part[],
  steps: Steps,
  row: number,
): void {
  let column = 0;
  for (const { path, width } of parts) {
    const values = readArray(file, `${name}/${path}`, length + 1, width);
    for (let i = 0; i <= length; i++) {
      for (let j = 0; j < width; j++) {
        steps.observations[(row + i) * steps.obsDim + column + j] = values[i * width + j]!;
      }
    }
    column += width;
  }
  steps.actions.set(readArray(file, `${name}/actions`, length, steps.actDim), row * steps.actDim);
  steps.rewards.set(readArray(file, `${name}/rewards`, length, 1), row);
  const terminations = readFlags(file, `${name}/terminations`, length);
  const truncations = readFlags(file, `${name}/truncations`, length);
  for (let i = 0; i < length; i++) {
    steps.flags[row + i] = (terminations[i] ? TERMINATED : 0) | (truncations[i] ? TRUNCATED : 0);
  }
  steps.flags[row + length] = FINAL;
}

function readArray(file: Hdf5File, path: string, length: number, width: number): Float32Array {
  const shape = shapeOf(file, path, 'float');
  mustBe(file, path, shape, length, width);
  const values = new Float32Array(length * width);
  if (length > 0) file.readInto(path, values);
  return values;
}

function readFlags(file: Hdf5File, path: string, length: number): Float64Array {
  const shape = shapeOf(file, path, 'any');
  mustBe(file, path, shape, length, 1);
  const values = new Float64Array(length);
  if (length > 0) file.readInto(path, values);
  const at = values.findIndex(value => value !== 0 && value !== 1);
  if (at >= 0) throw new UsageError(`${file.path}: "${path}"[${at}] is ${values[at]}, 0 or 1 is wanted`);
  return values;
}

function shapeOf(file: Hdf5File, path: string, kind: 'float' | 'any'): readonly number[] {
  if (file.typeOf(path) !== 'array') throw new UsageError(`${file.path} has no array "${path}"`);
  const info = file.info(path);
  if (kind === 'float' && info.kind !== 'float')
    throw new UsageError(`${file.path}: "${path}" holds ${info.kind} values, float32 or float64 is wanted`);
  if (info.shape.length === 0 || info.shape.length > 2)
    throw new UsageError(`${file.path}: "${path}" has shape [${info.shape.join(', ')}], [T] or [T, width] is wanted`);
  return info.shape;
}

function mustBe(file: Hdf5File, path: string, shape: readonly number[], length: number, width: number): void {
  if (shape[0] === length && (shape[1] ?? 1) === width) return;
  const wanted = width === 1 ? `[${length}]` : `[${length}, ${width}]`;
  throw new UsageError(`${file.path}: "${path}" has shape [${shape.join(', ')}], ${wanted} is wanted`);
}

/** a ↦ 2 (a − low) / (high − low) − 1: what the environments' own mapping undoes. */
function mapActions(path: string, steps: Steps, { low, high }: NonNullable<MinariMetadata['action']>): void {
  const { actions, actDim } = steps;
  if (low.length !== actDim || high.length !== actDim)
    throw new UsageError(`${path} has actions of ${actDim} numbers, its metadata bounds ${low.length}`);
  if (low.every(value => value === -1) && high.every(value => value === 1)) return;
  for (let i = 0; i < actions.length; i++) {
    const j = i % actDim;
    actions[i] = (2 * (actions[i]! - low[j]!)) / (high[j]! - low[j]!) - 1;
  }
}

type Json = Record<string, unknown>;

function nested(text: unknown): Json | undefined {
  const value = typeof text === 'string' ? parseLenient(text) : text;
  return typeof value === 'object' && value !== null ? (value as Json) : undefined;
}

function isBox(space: Json | undefined): space is { low: number[]; high: number[] } {
  const numbers = (value: unknown) => Array.isArray(value) && value.every(each => Number.isFinite(each));
  return space?.type === 'Box' && numbers(space.low) && numbers(space.high);
}

/** JSON with the literals `Infinity`, `-Infinity` and `NaN` that Python writes. */
function parseLenient(text: string): unknown {
  const strict = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, token => {
    if (token.startsWith('"')) return token;
    if (token === 'NaN') return 'null';
    return token.startsWith('-') ? '-1e999' : '1e999';
  });
  return JSON.parse(strict);
}
