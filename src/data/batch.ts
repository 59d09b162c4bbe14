import type { Rng } from '../random/rng.ts';
import type { Tensor1D, Tensor2D } from '../tensor/tf.ts';
import type { Moments } from './moments.ts';

/** B transitions. Actions are in [-1, 1]; `terminated` is 0 or 1 (float32), and 1 means: do not bootstrap. */
export interface Batch {
  readonly observations: Tensor2D; // [B, obsDim]
  readonly actions: Tensor2D; // [B, actDim]
  readonly rewards: Tensor1D; // [B]
  readonly terminated: Tensor1D; // [B]
  readonly nextObservations: Tensor2D; // [B, obsDim]
  /** Which of all transitions ever added to a replay these are [B]. */
  readonly numbers?: Float64Array;
}

/** A source of transitions: a replay buffer or a dataset. Draws uniformly with replacement. */
export interface Transitions {
  readonly size: number;
  readonly obsDim: number;
  readonly actDim: number;
  sample(batchSize: number, rng: Rng): Batch;
  /** Mean and deviation of all observations acted on; a collection that grows has none. */
  observationMoments?(): Moments;
}
