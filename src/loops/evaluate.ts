import type { Policy } from '../algorithms/algorithm.ts';
import type { VectorEnv } from '../env/env.ts';
import { Rng } from '../random/rng.ts';
import { StreamNoise } from '../tensor/noise.ts';
import { type Tensor2D, tf } from '../tensor/tf.ts';
import { Breather } from './breather.ts';

export interface EvaluationOptions {
  readonly episodes: number;
  /** Seeds worlds and action noise: the same seed and policy give the same episodes. */
  readonly seed: number;
  /** Sees each moment of world `world`: for recording. Called before the step is taken. */
  readonly onStep?: (world: number, action: Float32Array) => void;
  /** Asked between steps; true ends the evaluation early, with no result. */
  readonly stopped?: () => boolean;
}

export interface Evaluation {
  /** Mean undiscounted return of the episodes, and its standard deviation over them (divisor n). */
  readonly return: number;
  readonly returnStd: number;
  readonly length: number;
  readonly returns: readonly number[];
  readonly lengths: readonly number[];
}

/**
 * Runs `episodes` episodes of the evaluated policy, one in each world at a time, and averages their returns. Every
 * world contributes a number of episodes fixed beforehand, so short episodes count no more than long ones. Undefined
 * when stopped. Throws what the environment throws.
 */
export async function evaluate(
  policy: Policy,
  env: VectorEnv,
  { episodes, seed, onStep, stopped }: EvaluationOptions,
): Promise<Evaluation | undefined> {
  const { numEnvs, spec } = env;
  const obsDim = spec.observationSpace.low.length;
  const actDim = spec.actionSpace.low.length;
  const noise = new StreamNoise(new Rng(seed).split('evaluation noise'));
  const wanted = Array.from({ length: numEnvs }, (_, i) => Math.floor((episodes + numEnvs - 1 - i) / numEnvs));
  const perWorld: { return: number; length: number }[][] = wanted.map(() => []);
  const breather = new Breather();
  let observations = await env.reset(seed);
  for (;;) {
    const active = wanted.flatMap((count, world) => (perWorld[world]!.length < count ? [world] : []));
    if (active.length === 0) break;
    if (stopped?.()) return undefined;
    const actions = actFor(policy, observations, active, { obsDim, actDim, numEnvs }, noise);
    if (onStep) for (const world of active) onStep(world, actions.subarray(world * actDim, (world + 1) * actDim));
    const step = await env.step(actions);
    for (const { env: world, episodeReturn, episodeLength } of step.episodes)
      if (perWorld[world]!.length < wanted[world]!)
        perWorld[world]!.push({ return: episodeReturn, length: episodeLength });
    observations = step.observations;
    await breather.breathe();
  }
  return summarize(perWorld.flat());
}

/** Exploiting actions for the active worlds, zeros for the others, [numEnvs × actDim]. */
function actFor(
  policy: Policy,
  observations: Float32Array,
  active: readonly number[],
  { obsDim, actDim, numEnvs }: { obsDim: number; actDim: number; numEnvs: number },
  noise: StreamNoise,
): Float32Array {
  const rows = new Float32Array(active.length * obsDim);
  active.forEach((world, i) => {
    rows.set(observations.subarray(world * obsDim, (world + 1) * obsDim), i * obsDim);
  });
  const chosen = tf.tidy(() =>
    policy.act(tf.tensor2d(rows, [active.length, obsDim]) as Tensor2D, 'exploit', noise).dataSync(),
  );
  const actions = new Float32Array(numEnvs * actDim);
  active.forEach((world, i) => {
    actions.set(chosen.subarray(i * actDim, (i + 1) * actDim), world * actDim);
  });
  return actions;
}

function summarize(episodes: readonly { return: number; length: number }[]): Evaluation {
  const returns = episodes.map(episode => episode.return);
  const lengths = episodes.map(episode => episode.length);
  const mean = average(returns);
  const returnStd = Math.sqrt(average(returns.map(x => (x - mean) * (x - mean))));
  return { return: mean, returnStd, length: average(lengths), returns, lengths };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}
