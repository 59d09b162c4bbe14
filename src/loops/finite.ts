import type { Variables } from '../algorithms/algorithm.ts';
import { AgentError } from '../errors.ts';

/**
 * The first number among an algorithm's variables that is not finite, as `critic/q1/0/weight[17] is NaN`; undefined if
 * there is none. Target networks are left out: they are averages of what is looked at, and saving looks at all.
 * About 1 ns a number, so it can run after every update.
 */
export function firstNonFinite(variables: Variables): string | undefined {
  for (const [name, variable] of Object.entries(variables)) {
    if (name.startsWith('target')) continue;
    const found = nonFiniteIndex(variable.dataSync() as Float32Array);
    if (found !== undefined) return `${name}[${found}] is ${variable.dataSync()[found]}`;
  }
  return undefined;
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

/** Where the first NaN or infinity is. Of float32 numbers: their sums cannot overflow in float64. */
export function nonFiniteIndex(values: Float32Array): number | undefined {
  const even = values.length & ~3;
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < even; i += 4) {
    a += values[i]!;
    b += values[i + 1]!;
    c += values[i + 2]!;
    d += values[i + 3]!;
  }
  for (let i = even; i < values.length; i++) a += values[i]!;
  if (Number.isFinite(a + b + c + d)) return undefined;
  return values.findIndex(x => !Number.isFinite(x));
}
