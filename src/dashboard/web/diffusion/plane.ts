import type { Scene } from '../../protocol.ts';
import type { Candidates } from '../policy/sampling.ts';
import type { Field, Plane } from './drawSquare.ts';
import type { PolicyModel } from './model.ts';
import { principalAxes } from './statistics.ts';

/** What is shown: the candidates at one state, and what was computed from them. */
export interface Picture {
  readonly candidates: Candidates;
  readonly more: Candidates;
  readonly field: Field | undefined;
  readonly plane: Plane;
  readonly label: string;
}

/** Points along a side of the grid on which Q is evaluated. */
const FIELD = 21;

/** The plane of two action dimensions. */
export function dimensionPlane(
  actDim: number,
  [a, b]: readonly [number, number],
  nameOf: (dim: number) => string,
): Plane {
  return {
    name: `${nameOf(a)} × ${nameOf(b)}`,
    point: (from, row) => [from[row * actDim + a]!, from[row * actDim + b]!],
  };
}

/** The plane of the first two principal components of the candidates; its name says how much variance they hold. */
export function principalPlane({ actions, actDim }: Candidates): Plane {
  const { axes, explained } = principalAxes(actions, actDim);
  const along = (from: Float32Array, row: number, axis: Float64Array) =>
    axis.reduce((sum, a, k) => sum + a * from[row * actDim + k]!, 0) * 0.8;
  return {
    name: `first two components, ${Math.round(explained * 100)} % of the variance`,
    point: (from, row) => [along(from, row, axes[0]), along(from, row, axes[1])],
  };
}

/** The body whose way is drawn ahead: the right hand or foot, any foot, or the last in the chain. */
export function limbOf({ bodies }: Scene): number {
  const find = (pattern: RegExp) => bodies.findIndex(({ name }) => pattern.test(name));
  return (
    [/right_.*hand|right_.*elbow/, /right_foot|right_ankle/, /foot/].map(find).find(i => i > 0) ?? bodies.length - 1
  );
}

/** Actions on the grid of a plane of two dimensions, the others as the chosen action has them: [FIELD², A]. */
function gridActions({ actDim, actions, chosen }: Candidates, [a, b]: readonly [number, number]): Float32Array {
  const rows = new Float32Array(FIELD * FIELD * actDim);
  for (let i = 0; i < FIELD * FIELD; i++) {
    rows.set(actions.subarray(chosen * actDim, (chosen + 1) * actDim), i * actDim);
    rows[i * actDim + a] = -1.25 + (2.5 * (i % FIELD)) / (FIELD - 1);
    rows[i * actDim + b] = -1.25 + (2.5 * Math.floor(i / FIELD)) / (FIELD - 1);
  }
  return rows;
}

/** Q over the plane of two dimensions; undefined where there is no critic or no plane. */
export async function fieldOver(
  { client }: PolicyModel,
  candidates: Candidates,
  observation: Float32Array,
  dims: readonly [number, number],
): Promise<Field | undefined> {
  if (candidates.q.length === 0 || candidates.actDim < 2) return undefined;
  const actions = gridActions(candidates, dims);
  return { n: FIELD, q: await client.ask<'values'>({ type: 'values', observation, actions }) };
}
