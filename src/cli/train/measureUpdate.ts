import type { Algorithm, Sizes } from '../../algorithms/algorithm.ts';
import { accelerated } from '../../backend/accelerated.ts';
import type { Batch } from '../../data/batch.ts';
import { Rng } from '../../random/rng.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../../tensor/tf.ts';
import { countFlops } from './countFlops.ts';

/** What an algorithm costs on this machine, in seconds. */
export interface Cost {
  readonly update: number;
  /** One exploring action for each of `numEnvs` worlds. */
  readonly action: number;
  readonly updatesMeasured: number;
  /** Floating-point operations of an update, where the backend's kernels can be counted. */
  readonly flopPerUpdate?: number;
  /** Of one checkpoint. */
  readonly variableBytes: number;
}

const budgetSeconds = 3;

/**
 * Times three pairs of updates and ten actions on made-up numbers, after a few to warm up; fewer where they are slow. The
 * algorithm is used up: its variables are freed.
 */
export function measureCost(algorithm: Algorithm, sizes: Sizes, numEnvs: number): Cost {
  const rng = new Rng(0).split('forecast');
  const noise = new StreamNoise(rng.split('noise'));
  const stage = algorithm.stages[0]!;
  const batch = syntheticBatch(stage.batchSize, sizes, rng); // once: making it up takes longer than many an update
  const once = () => {
    const metrics = stage.update(() => batch, 0, noise);
    for (const value of Object.values(metrics)) if (typeof value !== 'number') value.dataSync();
  };
  const pair = () => {
    once();
    once(); // every second update may leave the policy alone: the two together are what a step costs, twice
  };
  const update = timed(3, pair);
  const backend = accelerated();
  const flopPerUpdate = backend && update.seconds < 10 ? countFlops(backend, () => tf.tidy(pair)) / 2 : undefined;
  const observations = normal([numEnvs, sizes.obsDim], rng) as Tensor2D;
  const action = timed(10, () => algorithm.act(observations, 'explore', noise).dataSync());
  observations.dispose();
  const variables = Object.values(algorithm.variables);
  const variableBytes = variables.reduce((sum, variable) => sum + 4 * variable.size, 0);
  tf.dispose([...variables, ...Object.values(batch)]);
  return {
    update: update.seconds / 2,
    action: action.seconds,
    updatesMeasured: 2 * update.count,
    flopPerUpdate,
    variableBytes,
  };
}

/** Median of up to `wanted` calls after three to warm up; where the first took long already, it is the measurement. */
function timed(wanted: number, call: () => unknown): { seconds: number; count: number } {
  const once = () => {
    const begin = performance.now();
    tf.tidy(() => void call());
    return (performance.now() - begin) / 1000;
  };
  const first = once();
  if (first > budgetSeconds) return { seconds: first, count: 1 };
  if (first < budgetSeconds / 6) for (let i = 0; i < 2; i++) once();
  const times: number[] = [];
  let spent = 0;
  while (times.length < wanted && (times.length === 0 || spent < budgetSeconds)) {
    times.push(once());
    spent += times.at(-1)!;
  }
  times.sort((a, b) => a - b);
  return { seconds: times[Math.floor(times.length / 2)]!, count: times.length };
}

/** Transitions made up of normal numbers and uniform actions. */
export function syntheticBatch(batchSize: number, { obsDim, actDim }: Sizes, rng: Rng): Batch {
  const actions = Float32Array.from({ length: batchSize * actDim }, () => rng.uniform(-1, 1));
  return {
    observations: normal([batchSize, obsDim], rng) as Tensor2D,
    actions: tf.tensor2d(actions, [batchSize, actDim]),
    rewards: normal([batchSize], rng) as Tensor1D,
    terminated: tf.zeros([batchSize]),
    nextObservations: normal([batchSize, obsDim], rng) as Tensor2D,
  };
}

function normal(shape: number[], rng: Rng) {
  const length = shape.reduce((product, n) => product * n, 1);
  return tf.tensor(
    Float32Array.from({ length }, () => rng.normal()),
    shape,
  );
}
