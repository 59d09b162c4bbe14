import type { Scalar, Tensor1D } from '../tensor/tf.ts';

/** Values of the chosen actions q [R], of their states v [R], and the running mean and deviation of all candidates. */
export interface QStatistics {
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
type QTransform = (statistics: QStatistics, config: QTransformConfig) => Tensor1D;

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
