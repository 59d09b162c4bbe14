import { choice, count, param } from './hyperparameters.ts';

/** How the rewards of a dataset are transformed before training. */
export const rewardTransformNames = ['none', 'range', 'range-by-states', 'minus-one', 'antmaze-cql'] as const;
export type RewardTransformName = (typeof rewardTransformNames)[number];

/** What every offline algorithm's table shares. */
export const offlineParams = {
  batchSize: count(256, 'B: transitions per draw'),
  discount: param(0.99, 'γ', { min: 0, max: 1 }),
  rewardTransform: choice(
    'range',
    rewardTransformNames,
    'range: r·1000/(largest − smallest return); minus-one: r − 1; antmaze-cql: 4(r − 0.5)',
  ),
};

/** Learning rate of update n of N under a cosine schedule that ends at 0; `progress` = n / N. */
export function cosine(learningRate: number, progress: number): number {
  return 0.5 * learningRate * (1 + Math.cos(Math.PI * Math.min(1, progress)));
}
