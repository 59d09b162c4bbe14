import type { Tensor } from '../tf.ts';

let trained: ReadonlySet<Tensor> | undefined;

/**
 * Runs `work`, in which gradients are taken with respect to these variables alone. What an op computes for a gradient
 * depends on who asks for it, and tfjs asks one input at a time: an op that knows beforehand computes all in one call, or
 * leaves out what nobody asks for.
 */
export function training<T>(variables: ReadonlySet<Tensor>, work: () => T): T {
  const outer = trained;
  trained = variables;
  try {
    return work();
  } finally {
    trained = outer;
  }
}

/** Whether a gradient with respect to any of these will be asked for; undefined where that is not known. */
export function isTrained(variables: readonly Tensor[]): boolean | undefined {
  const known = trained;
  return known && variables.some(variable => known.has(variable));
}
