import type { AnyTable, Values } from '../config/hyperparameters.ts';
import type { Batch, Transitions } from '../data/batch.ts';
import type { Noise } from '../tensor/noise.ts';
import type { Scalar, Tensor2D, Variable } from '../tensor/tf.ts';

/** Everything a checkpoint holds, by path (`critic/q1/0/weight`): weights, targets, optimizer moments and counters. */
export type Variables = Readonly<Record<string, Variable>>;

/** What an update reports, by metric key (`critic/loss`). The loop reads every number after every update. */
export type Metrics = Readonly<Record<string, Scalar | number>>;

export interface Policy {
  /**
   * Actions in [-1, 1] for observations [B, obsDim] → [B, actDim]. `explore` is the behaviour policy of training,
   * `exploit` the one that is evaluated. Called inside `tf.tidy`.
   */
  act(observations: Tensor2D, mode: 'explore' | 'exploit', noise: Noise): Tensor2D;
}

/** A part of training with its own number of gradient updates (SRPO: behavior, critic, policy; QVPO: one). */
export interface Stage {
  readonly name: string;
  /** Transitions per draw. */
  readonly batchSize: number;
  /** Gradient updates of an offline stage; online, the environment steps decide. */
  readonly steps?: number;
  /** The part of the algorithm's variables that this stage trains: what a run can take over from another. */
  readonly variables?: Variables;
  /**
   * One gradient update. `sample` draws a fresh batch at each call (QVPO takes two); `progress` is the part of the
   * training (offline: of the stage) done, in [0, 1]. Called inside `tf.tidy`.
   */
  update(sample: () => Batch, progress: number, noise: Noise): Metrics;
}

export interface Algorithm extends Policy {
  readonly stages: readonly Stage[];
  readonly variables: Variables;
  /** Hyperparameters that may be changed while training, and how. A value holds from the next update on. */
  readonly tunable?: Readonly<Record<string, (value: number) => void>>;
  /** Sees the data once, before the first update of a fresh offline run; what it derives belongs to `variables`. */
  prepare?(data: Transitions): void;
}

/** Sizes an algorithm is built for. */
export interface Sizes {
  readonly obsDim: number;
  readonly actDim: number;
}

/** An algorithm as the command line knows it: its table of hyperparameters and how to build it. */
export interface AlgorithmDefinition<T extends AnyTable = AnyTable> {
  readonly name: string;
  readonly kind: 'online' | 'offline';
  /** One line: full name, authors, year, arXiv id. */
  readonly title: string;
  readonly hyperparameters: T;
  /** `initial` draws the initial weights. Throws `UsageError` for hyperparameters that exclude each other. */
  create(sizes: Sizes, config: Values<T>, initial: Noise): Algorithm;
}
