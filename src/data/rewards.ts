import { UsageError } from '../errors.ts';
import type { Rng } from '../random/rng.ts';
import { tf } from '../tensor/tf.ts';
import type { Batch, Transitions } from './batch.ts';
import type { Dataset } from './dataset.ts';
import { type Moments, momentsOf } from './moments.ts';
import type { ReplayColumns } from './replayBuffer.ts';

/** How rewards are transformed: by the range of the returns, or as AntMaze's are in several papers. */
export type RewardTransform = 'none' | 'range' | 'range-by-states' | 'minus-one' | 'antmaze-cql';

/**
 * Transformations of a dataset's rewards before offline training. All work on transitions in the order of collection.
 */

/**
 * Undiscounted returns (float64) of episodes as SRPO's and QGPO's code finds them: cut at a terminal or after `maxSteps`
 * transitions, the incomplete last one left out. Where the last transition of a time-limited episode was dropped, the
 * cuts drift across episodes; the published settings belong to these numbers.
 */
export function returnsByCount(rewards: Float32Array, terminals: ArrayLike<number>, maxSteps = 1000): Float64Array {
  const returns: number[] = [];
  let sum = 0;
  let steps = 0;
  for (let i = 0; i < rewards.length; i++) {
    sum += rewards[i]!;
    steps++;
    if (terminals[i] === 0 && steps < maxSteps) continue;
    returns.push(sum);
    [sum, steps] = [0, 0];
  }
  return Float64Array.from(returns);
}

/**
 * Returns of episodes as IQL's code finds them: cut at a terminal, where an observation is not the successor of the one
 * before (some entry differs by more than 1e-6), and at the end. `observations` and `nextObservations` are [n, obsDim].
 */
export function returnsByStates(
  rewards: Float32Array,
  terminals: ArrayLike<number>,
  observations: Float32Array,
  nextObservations: Float32Array,
): Float64Array {
  const size = rewards.length;
  const obsDim = observations.length / size;
  const returns: number[] = [];
  let sum = 0;
  for (let i = 0; i < size; i++) {
    sum += rewards[i]!;
    if (i < size - 1 && terminals[i] === 0 && follows(observations, nextObservations, i, obsDim)) continue;
    returns.push(sum);
    sum = 0;
  }
  return Float64Array.from(returns);
}

/** Whether row i + 1 of the observations is row i of the successors, by the Euclidean distance. */
function follows(observations: Float32Array, nextObservations: Float32Array, i: number, obsDim: number): boolean {
  let squares = 0;
  for (let j = 0; j < obsDim; j++) {
    const difference = observations[(i + 1) * obsDim + j]! - nextObservations[i * obsDim + j]!;
    squares += difference * difference;
  }
  return Math.sqrt(squares) <= 1e-6;
}

/** r / (largest − smallest return) · 1000, in float32, divided first. */
export function rangeScaled(rewards: Float32Array, returns: Float64Array): Float32Array {
  let [low, high] = [Infinity, -Infinity];
  for (const value of returns) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return rewards.map(r => Math.fround(r / (high - low)) * 1000);
}

/** r − 1: AntMaze in IQL and SRPO. */
export function minusOne(rewards: Float32Array): Float32Array {
  return rewards.map(r => r - 1);
}

/** 4 (r − ½): AntMaze in CQL, Diffusion-QL and EDP. */
export function antmazeCql(rewards: Float32Array): Float32Array {
  return rewards.map(r => 4 * (r - 0.5));
}

/** A dataset with its rewards transformed. Throws `UsageError` where the returns leave nothing to scale by. */
export function transformRewards(dataset: Dataset, transform: RewardTransform): Dataset {
  if (transform === 'none') return dataset;
  const rewards = dataset.rewards();
  if (transform === 'minus-one') return dataset.withRewards(minusOne(rewards));
  if (transform === 'antmaze-cql') return dataset.withRewards(antmazeCql(rewards));
  const returns = transform === 'range' ? returnsByCount(rewards, dataset.terminals()) : byStates(dataset, rewards);
  mustSpread(returns, dataset.name);
  return dataset.withRewards(rangeScaled(rewards, returns));
}

function byStates(dataset: Dataset, rewards: Float32Array): Float64Array {
  const { terminals, observations, nextObservations } = dataset.columns();
  return returnsByStates(rewards, terminals, observations, nextObservations);
}

function mustSpread(returns: Float64Array, name: string): void {
  if (new Set(returns).size > 1) return;
  const found = returns.length === 0 ? 'it has no complete episode' : `every episode of it returns ${returns[0]}`;
  throw new UsageError(`the rewards of ${name} cannot be scaled by the range of its returns: ${found}`, [
    ['leave them', '--reward-transform none'],
  ]);
}

/** r ← r / divisor · factor + shift. */
export interface RewardScale {
  readonly divisor: number;
  readonly factor: number;
  readonly shift: number;
}

/** The transform of the transitions of a run, whose worlds lie interleaved. Episodes end where their flags say so. */
export function rewardScale(columns: ReplayColumns, transform: RewardTransform): RewardScale {
  if (transform === 'none') return { divisor: 1, factor: 1, shift: 0 };
  if (transform === 'minus-one') return { divisor: 1, factor: 1, shift: -1 };
  if (transform === 'antmaze-cql') return { divisor: 1, factor: 4, shift: -2 };
  const running = new Map<number, number>();
  const returns: number[] = [];
  columns.rewards.forEach((reward, i) => {
    const world = columns.worlds[i]!;
    const sum = (running.get(world) ?? 0) + reward;
    if (columns.flags[i] !== 0) returns.push(sum);
    running.set(world, columns.flags[i] === 0 ? sum : 0);
  });
  mustSpread(Float64Array.from(returns), 'this run');
  const [low, high] = returns.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity] as const);
  return { divisor: high - low, factor: 1000, shift: 0 };
}

/** Transitions whose rewards are transformed as they are drawn. */
export class AffineRewards implements Transitions {
  readonly size: number;
  readonly obsDim: number;
  readonly actDim: number;
  readonly #source: Transitions;
  readonly #scale: RewardScale;

  constructor(source: Transitions, scale: RewardScale) {
    this.size = source.size;
    this.obsDim = source.obsDim;
    this.actDim = source.actDim;
    this.#source = source;
    this.#scale = scale;
  }

  sample(batchSize: number, rng: Rng): Batch {
    const { divisor, factor, shift } = this.#scale;
    const batch = this.#source.sample(batchSize, rng);
    return { ...batch, rewards: tf.add(tf.mul(tf.div(batch.rewards, divisor), factor), shift) };
  }

  observationMoments(): Moments {
    return momentsOf(this.#source);
  }
}
