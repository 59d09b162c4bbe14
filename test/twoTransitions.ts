import type { Batch } from '../src/data/batch.ts';
import { tf } from '../src/tensor/tf.ts';

/** Two transitions of one observation and one action; the second one terminates. */
export const twoTransitions = (): Batch => ({
  observations: tf.tensor2d([0, 2], [2, 1]),
  actions: tf.tensor2d([0.1, 0.5], [2, 1]),
  rewards: tf.tensor1d([1, 2]),
  terminated: tf.tensor1d([0, 1]),
  nextObservations: tf.tensor2d([2, 4], [2, 1]),
});
