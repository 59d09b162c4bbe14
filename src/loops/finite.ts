import type { Variables } from '../algorithms/algorithm.ts';
import { AgentError } from '../errors.ts';
import { firstNonFiniteTensor, nonFiniteIndex } from '../tensor/ops/finite.ts';

/**
 * The first number among an algorithm's variables that is not finite, as `critic/q1/0/weight[17] is NaN`; undefined if
 * there is none. Target networks are left out: they are averages of what is looked at, and saving looks at all.
 * One pass of the backend over all numbers, so it can run after every update.
 */
export function firstNonFinite(variables: Variables): string | undefined {
  const looked = Object.entries(variables).filter(([name]) => !name.startsWith('target'));
  const found = firstNonFiniteTensor(looked.map(([, variable]) => variable));
  if (found === undefined) return undefined;
  const [name, variable] = looked[found]!;
  const values = variable.dataSync() as Float32Array;
  const index = nonFiniteIndex(values)!;
  return `${name}[${index}] is ${values[index]}`;
}

/** Looks at what an update reports and at the weights it leaves. Throws `AgentError` naming the first number not finite. */
export function checkUpdate(metrics: Readonly<Record<string, number>>, variables: Variables): void {
  for (const [key, value] of Object.entries(metrics))
    if (!Number.isFinite(value)) throw new AgentError(`${key} is ${value}`);
  const bad = firstNonFinite(variables);
  if (bad) throw new AgentError(bad);
}

/** Throws `AgentError` naming the first of the observations [N × obsDim] that is not finite. */
export function checkObservations(observations: Float32Array, obsDim: number): void {
  const bad = nonFiniteIndex(observations);
  if (bad !== undefined)
    throw new AgentError(`observation[${bad % obsDim}] of world ${Math.floor(bad / obsDim)} is ${observations[bad]}`);
}
