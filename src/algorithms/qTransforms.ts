import { type Scalar, type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';

/** Running mean μ and deviation σ of the candidates' values, from (0, 1) on. */
export class QStatistics {
  readonly mean = tf.variable(tf.scalar(0), false);
  readonly deviation = tf.variable(tf.scalar(1), false);
  readonly variables = { mean: this.mean, deviation: this.deviation };
  readonly #rate: number;

  constructor(rate: number) {
    this.#rate = rate;
  }

  /** μ ← μ + ρ(mean q − μ), σ ← σ + ρ(std q − σ), std with divisor n − 1, over all values q [B, N]. */
  track(q: Tensor2D): void {
    const mean = tf.mean(q);
    const deviation = tf.sqrt(tf.div(tf.sum(tf.square(tf.sub(q, mean))), q.size - 1));
    this.deviation.assign(this.deviation.add(deviation.sub(this.deviation).mul(this.#rate)));
    this.mean.assign(this.mean.add(mean.sub(this.mean).mul(this.#rate)));
  }
}

/** Values of the chosen actions q [R], of their states v [R], and the running statistics of all candidates. */
export interface ChosenValues {
  readonly q: Tensor1D;
  readonly v: Tensor1D;
  readonly mean: Scalar;
  readonly deviation: Scalar;
}

export interface QTransformConfig {
  readonly qBeta: number;
  readonly qNegative: number;
  readonly qCut: number;
}

/** ω: from values to non-negative weights of the denoising loss (QVPO, section 4.2, and the authors' code) [R]. */
type QTransform = (values: ChosenValues, config: QTransformConfig) => Tensor1D;

// biome-ignore format: a table reads by columns
export const qTransforms = {
  qadv:   ({ q, v }) => q.sub<Tensor1D>(v).relu(),
  qrelu:  ({ q }, { qNegative }) => q.maximum(-qNegative).add(qNegative),
  qcut:   ({ q }, { qCut }) => q.maximum(qCut),
  qexpn:  ({ q, mean, deviation }, { qBeta }) => q.sub<Tensor1D>(mean).div<Tensor1D>(deviation).clipByValue(-8, 8).mul<Tensor1D>(qBeta).exp(),
  qcut0n: ({ q, mean }, { qBeta }) => q.sub(mean).mul(qBeta).maximum(0),
  qcut1n: ({ q, mean }, { qBeta }) => q.sub(mean).mul(qBeta).maximum(1),
} satisfies Record<string, QTransform>;

export type QTransformName = keyof typeof qTransforms;
export const qTransformNames = ['qadv', 'qrelu', 'qcut', 'qexpn', 'qcut0n', 'qcut1n'] as const;
