import { AgentError } from '../errors.ts';
import type { Rng } from '../random/rng.ts';
import { gatherRows, partOf, partStart } from '../tensor/ops/gatherRows.ts';
import { tf } from '../tensor/tf.ts';
import type { Batch, Transitions } from './batch.ts';
import { type Moments, moments } from './moments.ts';

/** Transitions of the first allocation: small runs stay small (a Humanoid's, 3 kB each, take 50 MB). Each further one doubles the room. */
const FIRST = 16384;

/** One transition as the loop hands it over; arrays are copied. */
export interface Transition {
  /** Which world it comes from: consecutive transitions of a world are an episode's steps. */
  readonly world: number;
  readonly observation: Float32Array;
  /** In [-1, 1]. */
  readonly action: Float32Array;
  readonly reward: number;
  readonly terminated: boolean;
  readonly truncated: boolean;
  /** The true successor, not the first observation of the next episode. */
  readonly nextObservation: Float32Array;
}

/** `bootstrap`: only the end of the MDP stops the return. `terminal`: a time limit does too, as in some authors' code. */
export type TimeLimit = 'bootstrap' | 'terminal';

export interface ReplayOptions {
  readonly capacity: number;
  readonly obsDim: number;
  readonly actDim: number;
  readonly timeLimit?: TimeLimit;
}

/** Columns of consecutive transitions, oldest first: how they are stored in files. */
export type ReplayColumns = {
  readonly observations: Float32Array; // [n, obsDim]
  readonly actions: Float32Array; // [n, actDim]
  readonly rewards: Float32Array; // [n]
  readonly nextObservations: Float32Array; // [n, obsDim]
  readonly worlds: Int32Array; // [n]
  /** Bit 0: terminated, bit 1: truncated. */
  readonly flags: Uint8Array; // [n]
};

export const TERMINATED = 1;
export const TRUNCATED = 2;

/** Memory of a replay that holds `capacity` transitions, in bytes. */
export function replayBytes(capacity: number, obsDim: number, actDim: number): number {
  return capacity * (4 * (2 * obsDim + actDim + 1) + 4 + 1);
}

/**
 * The newest `capacity` transitions, sampled uniformly with replacement. Transitions are numbered from 0 in the order
 * they came; number t lies in slot t mod capacity, so what is drawn depends on the numbers and the random stream alone,
 * not on how often the run was interrupted. Memory is taken in chunks, as `Parts` are, as it fills.
 */
export class ReplayBuffer implements Transitions {
  readonly capacity: number;
  readonly obsDim: number;
  readonly actDim: number;
  readonly #timeLimit: TimeLimit;
  readonly #chunks: ReplayColumns[] = [];
  #total = 0;

  constructor({ capacity, obsDim, actDim, timeLimit = 'bootstrap' }: ReplayOptions) {
    if (!Number.isSafeInteger(capacity) || capacity < 1)
      throw new RangeError(`replay capacity is ${capacity}, a whole number ≥ 1 is wanted`);
    this.capacity = capacity;
    this.obsDim = obsDim;
    this.actDim = actDim;
    this.#timeLimit = timeLimit;
  }

  /** Transitions held. */
  get size(): number {
    return Math.min(this.#total, this.capacity);
  }

  /** Transitions ever added; the ones held are numbers `total − size` to `total − 1`. */
  get total(): number {
    return this.#total;
  }

  /** Throws `AgentError` if a number in it is not finite, `RangeError` for wrong sizes; then nothing is stored. */
  add(transition: Transition): void {
    const { observation, action, reward, nextObservation } = transition;
    this.#check('observation', observation, this.obsDim);
    this.#check('action', action, this.actDim);
    this.#check('nextObservation', nextObservation, this.obsDim);
    const stored = Math.fround(reward);
    if (!Number.isFinite(stored)) throw new AgentError(`reward ${reward} of world ${transition.world} is not finite`);
    const { chunk, row } = this.#slot(this.#total);
    chunk.observations.set(observation, row * this.obsDim);
    chunk.actions.set(action, row * this.actDim);
    chunk.nextObservations.set(nextObservation, row * this.obsDim);
    chunk.rewards[row] = stored;
    chunk.worlds[row] = transition.world;
    chunk.flags[row] = (transition.terminated ? TERMINATED : 0) | (transition.truncated ? TRUNCATED : 0);
    this.#total++;
  }

  sample(batchSize: number, rng: Rng): Batch {
    if (this.size === 0) throw new AgentError('the replay is empty, there is nothing to sample');
    const { obsDim, actDim } = this;
    const rewards = new Float32Array(batchSize);
    const terminated = new Float32Array(batchSize);
    const numbers = new Float64Array(batchSize);
    const rows = new Int32Array(batchSize);
    const oldest = this.#total - this.size;
    const ends = this.#timeLimit === 'terminal' ? TERMINATED | TRUNCATED : TERMINATED;
    for (let i = 0; i < batchSize; i++) {
      const slot = rng.integer(this.size);
      numbers[i] = oldest + ((slot - (oldest % this.capacity) + this.capacity) % this.capacity);
      rows[i] = slot;
    }
    for (let i = 0; i < batchSize; i++) {
      // apart: little between two reads, so that their cache misses overlap
      const { chunk, row } = this.#slot(rows[i]!);
      rewards[i] = chunk.rewards[row]!;
      terminated[i] = (chunk.flags[row]! & ends) === 0 ? 0 : 1;
    }
    const gather = (name: 'observations' | 'actions' | 'nextObservations', width: number) =>
      gatherRows({ parts: this.#chunks.map(chunk => chunk[name]), first: FIRST }, rows, width);
    return {
      observations: gather('observations', obsDim),
      actions: gather('actions', actDim),
      rewards: tf.tensor1d(rewards),
      terminated: tf.tensor1d(terminated),
      nextObservations: gather('nextObservations', obsDim),
      numbers,
    };
  }

  observationMoments(): Moments {
    const { observations } = this.read(this.#total - this.size, this.size);
    return moments(observations, this.obsDim, this.size, i => i * this.obsDim);
  }

  /** A copy of transitions `start` to `start + count − 1`, by number. Throws `RangeError` if not all are held. */
  read(start: number, count: number): ReplayColumns {
    if (start < this.#total - this.size || start + count > this.#total)
      throw new RangeError(`transitions ${start} to ${start + count} of ${this.#total - this.size} to ${this.#total}`);
    const out = columns(count, this.obsDim, this.actDim);
    this.#runs(start, count, (chunk, row, rows, at) => copyRows(chunk, row, out, at, rows));
    return out;
  }

  /**
   * Appends stored transitions whose first has number `start`: the next one, or any number if the replay is empty.
   * Throws `AgentError` unless they are the columns that `read` gives.
   */
  append(start: number, part: Readonly<Record<string, ArrayLike<number>>>): void {
    checkColumns(part, this.obsDim, this.actDim);
    if (this.#total === 0) this.#total = start;
    if (start !== this.#total) throw new AgentError(`transition ${start} does not follow ${this.#total}`);
    const count = part.rewards.length;
    this.#total += count;
    this.#runs(start, count, (chunk, row, rows, at) => copyRows(part, at, chunk, row, rows));
  }

  /** Forgets all transitions; numbering starts again. */
  clear(): void {
    this.#chunks.length = 0;
    this.#total = 0;
  }

  /** Calls `visit` for each stretch of `count` transitions that lies in one chunk. */
  #runs(
    start: number,
    count: number,
    visit: (chunk: ReplayColumns, row: number, rows: number, at: number) => void,
  ): void {
    for (let at = 0; at < count; ) {
      const slot = (start + at) % this.capacity;
      const { chunk, row } = this.#slot(slot);
      const rows = Math.min(count - at, chunk.rewards.length - row);
      visit(chunk, row, rows, at);
      at += rows;
    }
  }

  /** Where transition `number` lies; the chunk is allocated when first touched. */
  #slot(number: number): { chunk: ReplayColumns; row: number } {
    const slot = number % this.capacity;
    const index = partOf(slot, FIRST);
    const start = partStart(index, FIRST);
    const room = Math.min(start || FIRST, this.capacity - start);
    this.#chunks[index] ??= columns(room, this.obsDim, this.actDim);
    return { chunk: this.#chunks[index], row: slot - start };
  }

  #check(name: string, values: Float32Array, size: number): void {
    if (values.length !== size) throw new RangeError(`${name} has ${values.length} numbers, the replay stores ${size}`);
    for (let i = 0; i < size; i++) {
      if (!Number.isFinite(values[i])) throw new AgentError(`${name}[${i}] is ${values[i]}`);
    }
  }
}

function columns(count: number, obsDim: number, actDim: number): ReplayColumns {
  return {
    observations: new Float32Array(count * obsDim),
    actions: new Float32Array(count * actDim),
    rewards: new Float32Array(count),
    nextObservations: new Float32Array(count * obsDim),
    worlds: new Int32Array(count),
    flags: new Uint8Array(count),
  };
}

function checkColumns(
  part: Readonly<Record<string, ArrayLike<number>>>,
  obsDim: number,
  actDim: number,
): asserts part is ReplayColumns {
  const count = part.rewards?.length ?? 0;
  for (const [name, column] of Object.entries(columns(1, obsDim, actDim))) {
    const given = part[name];
    if (given?.constructor !== column.constructor || given.length !== count * column.length)
      throw new AgentError(
        `column ${name} of stored transitions has ${given?.length ?? 'no'} numbers of ${count * column.length}`,
      );
  }
}

function copyRows(from: ReplayColumns, row: number, to: ReplayColumns, at: number, rows: number): void {
  for (const name of Object.keys(from) as (keyof ReplayColumns)[]) {
    const width = from[name].length / from.rewards.length;
    to[name].set(from[name].subarray(row * width, (row + rows) * width), at * width);
  }
}
