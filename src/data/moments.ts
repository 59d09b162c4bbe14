import { AgentError } from '../errors.ts';
import type { Transitions } from './batch.ts';

/** Mean and standard deviation (divisor n) of each entry of the observations. */
export interface Moments {
  readonly mean: Float32Array; // [obsDim]
  readonly deviation: Float32Array; // [obsDim]
}

/** Moments over rows of `width` numbers, in float64, in two passes. `row(i)` is the offset of row i in `values`. */
export function moments(values: Float32Array, width: number, count: number, row: (i: number) => number): Moments {
  const mean = new Float64Array(width);
  const squares = new Float64Array(width);
  for (let i = 0, at = row(0); i < count; at = row(++i)) for (let j = 0; j < width; j++) mean[j]! += values[at + j]!;
  for (let j = 0; j < width; j++) mean[j]! /= count;
  for (let i = 0, at = row(0); i < count; at = row(++i)) {
    for (let j = 0; j < width; j++) squares[j]! += (values[at + j]! - mean[j]!) ** 2;
  }
  return { mean: Float32Array.from(mean), deviation: Float32Array.from(squares, sum => Math.sqrt(sum / count)) };
}

/** The moments of a collection's observations. Throws `AgentError` where the collection cannot tell them. */
export function momentsOf(data: Transitions): Moments {
  const known = data.observationMoments?.();
  if (!known) throw new AgentError('this source of transitions knows no mean and deviation of its observations');
  return known;
}
