import { type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';

/** What is added to the deviations (TD3+BC's code). */
const FLOOR = 1e-3;

/** (s − mean) / (deviation + 1e-3) with the statistics of a dataset; the identity until they are set. */
export class Normalizer {
  /** `mean` and `deviation` [obsDim]: part of a checkpoint. */
  readonly variables: Readonly<Record<'mean' | 'deviation', Variable>>;

  constructor(obsDim: number) {
    const zeros = tf.zeros([obsDim]);
    const ones = tf.fill([obsDim], 1 - FLOOR);
    this.variables = { mean: tf.variable(zeros, false), deviation: tf.variable(ones, false) };
    tf.dispose([zeros, ones]);
  }

  set({ mean, deviation }: { readonly mean: Float32Array; readonly deviation: Float32Array }): void {
    tf.tidy(() => {
      this.variables.mean.assign(tf.tensor1d(mean));
      this.variables.deviation.assign(tf.tensor1d(deviation));
    });
  }

  /** [B, obsDim] → [B, obsDim]. */
  apply(s: Tensor2D): Tensor2D {
    const { mean, deviation } = this.variables;
    return tf.div(tf.sub(s, mean as Variable & Tensor1D), tf.add(deviation, FLOOR));
  }
}
