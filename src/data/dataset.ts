import { AgentError, UsageError } from '../errors.ts';
import type { Rng } from '../random/rng.ts';
import { copyRows, gatherRows } from '../tensor/ops/gatherRows.ts';
import { tf } from '../tensor/tf.ts';
import type { Batch, Transitions } from './batch.ts';
import { type Moments, moments } from './moments.ts';
import { type Episode, episodesOf, type Steps, TERMINATED, transitionRows } from './steps.ts';

export interface DatasetOptions {
  /** What messages call it. */
  readonly name: string;
  /** Keep steps that the clock ended although their successor is the next episode's start. */
  readonly endAtTimeouts?: boolean;
}

/** Transitions in the order of collection, as plain arrays. */
export interface TransitionColumns {
  readonly observations: Float32Array; // [size, obsDim]
  readonly actions: Float32Array; // [size, actDim]
  readonly rewards: Float32Array; // [size]
  readonly terminals: Uint8Array; // [size]
  readonly nextObservations: Float32Array; // [size, obsDim]
}

/**
 * A collection as transitions (D4RL's q-learning view) over its steps: an observation is kept once, as the state of one
 * transition and the successor of another. Draws uniformly with replacement.
 */
export class Dataset implements Transitions {
  readonly name: string;
  readonly steps: Steps;
  readonly size: number;
  readonly obsDim: number;
  readonly actDim: number;
  /** The row of each transition; its successor's observation is in the next row. */
  readonly #rows: Uint32Array;
  readonly #options: DatasetOptions;

  /** Throws `UsageError` if the steps give no transition. */
  constructor(steps: Steps, options: DatasetOptions) {
    const { name, endAtTimeouts = false } = options;
    this.#options = options;
    this.name = name;
    this.steps = steps;
    this.obsDim = steps.obsDim;
    this.actDim = steps.actDim;
    this.#rows = transitionRows(steps, endAtTimeouts);
    this.size = this.#rows.length;
    if (this.size === 0) throw new UsageError(`${name} has ${steps.rows} steps, which give no transition`);
  }

  sample(batchSize: number, rng: Rng): Batch {
    const indices = new Uint32Array(batchSize);
    for (let i = 0; i < batchSize; i++) indices[i] = rng.integer(this.size);
    return this.batch(indices);
  }

  /** The transitions with these numbers, in this order. */
  batch(indices: Uint32Array): Batch {
    const { obsDim, actDim, steps } = this;
    const { rows, successors, rewards, terminals } = this.#find(indices);
    const observations = { parts: [steps.observations] };
    return {
      observations: gatherRows(observations, rows, obsDim),
      actions: gatherRows({ parts: [steps.actions] }, rows, actDim),
      rewards: tf.tensor1d(rewards),
      terminated: tf.tensor1d(Float32Array.from(terminals)),
      nextObservations: gatherRows(observations, successors, obsDim),
    };
  }

  observationMoments(): Moments {
    const row = (i: number) => this.#rows[i]! * this.obsDim;
    return moments(this.steps.observations, this.obsDim, this.size, row);
  }

  /** Rewards of the transitions, a copy. */
  rewards(): Float32Array {
    return Float32Array.from(this.#rows, row => this.steps.rewards[row]!);
  }

  /** 1 where a transition ended the MDP, a copy. */
  terminals(): Uint8Array {
    return Uint8Array.from(this.#rows, row => this.steps.flags[row]! & TERMINATED);
  }

  /** All transitions as arrays of their own: twice the memory of the observations. */
  columns(): TransitionColumns {
    const { obsDim, actDim, steps } = this;
    const { rows, successors, rewards, terminals } = this.#find(Uint32Array.from({ length: this.size }, (_, i) => i));
    const observations = { parts: [steps.observations] };
    return {
      observations: copyRows(observations, rows, obsDim),
      actions: copyRows({ parts: [steps.actions] }, rows, actDim),
      rewards,
      terminals,
      nextObservations: copyRows(observations, successors, obsDim),
    };
  }

  /** The same transitions with other rewards [size]: for reward transforms. Everything else is shared. */
  withRewards(rewards: Float32Array): Dataset {
    if (rewards.length !== this.size)
      throw new RangeError(`${rewards.length} rewards for ${this.size} transitions of ${this.name}`);
    const replaced = this.steps.rewards.slice();
    for (let i = 0; i < this.size; i++) replaced[this.#rows[i]!] = rewards[i]!;
    return this.#with({ rewards: replaced });
  }

  /** The same transitions with every action clipped to ±limit. */
  withClippedActions(limit: number): Dataset {
    return this.#with({ actions: this.steps.actions.map(a => Math.max(-limit, Math.min(limit, a))) });
  }

  /** Complete episodes, in D4RL's sequence view. */
  episodes(): Generator<Episode> {
    return episodesOf(this.steps);
  }

  /** Throws `AgentError` naming the first action beyond [-1, 1]: no policy here could take it. */
  checkActions(): void {
    const { actions } = this.steps;
    const at = actions.findIndex(a => Math.abs(a) > 1 + 1e-5);
    if (at < 0) return;
    const where = `[${Math.floor(at / this.actDim)}][${at % this.actDim}]`;
    throw new AgentError(`${this.name}: "actions"${where} is ${actions[at]}, actions lie in [-1, 1]`, [], 2);
  }

  #with(changes: Partial<Steps>): Dataset {
    return new Dataset({ ...this.steps, ...changes }, this.#options);
  }

  /** Where transitions lie among the steps, and what is not gathered by rows. */
  #find(indices: Uint32Array) {
    const { steps } = this;
    const count = indices.length;
    const [rows, successors] = [new Int32Array(count), new Int32Array(count)];
    const rewards = new Float32Array(count);
    const terminals = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const row = this.#rows[indices[i]!]!;
      rows[i] = row;
      successors[i] = row + 1;
      rewards[i] = steps.rewards[row]!;
      terminals[i] = steps.flags[row]! & TERMINATED;
    }
    return { rows, successors, rewards, terminals };
  }
}
