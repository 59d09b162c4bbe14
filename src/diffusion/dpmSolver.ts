/** Runs a plan of DPM-Solver or DPM-Solver++ (`solverPlan.ts`) on tensors. */
import { type Tensor2D, tf } from '../tensor/tf.ts';
import type { NoiseLevel } from './noiseTime.ts';
import type { SolverPlan } from './solverPlan.ts';

/** ε_θ(x, ·) at call i [R, A]. */
export type NoiseModel = (x: Tensor2D, call: number) => Tensor2D;

export interface SolverTrace {
  /** States at each call, and the final one. */
  readonly states: readonly Tensor2D[];
  /** ε_θ at each call, before any clipping. */
  readonly predictions: readonly Tensor2D[];
}

/**
 * Runs a plan from the state x [R, A]. With `clip`, each call's estimate x₀ = (x − σ ε)/α is clipped to ±`clip`, and ε
 * changed to match.
 */
export function solve(plan: SolverPlan, model: NoiseModel, x: Tensor2D, clip = Number.POSITIVE_INFINITY): SolverTrace {
  const states = [x];
  const predictions: Tensor2D[] = [];
  const outputs: Tensor2D[] = [];
  plan.calls.forEach(({ level, base, keep, weights }, i) => {
    const state = states[i]!;
    predictions.push(model(state, i));
    outputs.push(output(plan.prediction, level, state, predictions[i]!, clip));
    const terms = weights.map(([call, weight]) => tf.mul(outputs[call]!, weight) as Tensor2D);
    states.push(keep === 0 ? tf.addN(terms) : tf.addN([tf.mul(states[base]!, keep) as Tensor2D, ...terms]));
  });
  return { states, predictions };
}

function output(
  kind: SolverPlan['prediction'],
  { alpha, sigma }: NoiseLevel,
  x: Tensor2D,
  eps: Tensor2D,
  clip: number,
) {
  if (kind === 'noise' && clip === Number.POSITIVE_INFINITY) return eps;
  const raw = tf.div(tf.sub(x, tf.mul(eps, sigma)), alpha) as Tensor2D;
  const clean = tf.clipByValue(raw, -clip, clip);
  return kind === 'data' ? clean : (tf.div(tf.sub(x, tf.mul(clean, alpha)), sigma) as Tensor2D);
}
