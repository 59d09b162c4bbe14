import { banditReward, peakShares } from '../../../envs/toy/bandit.ts';
import { type PlanarData, type PlanarName, planarData } from '../../../envs/toy/planar.ts';
import { trainBandit } from '../../loops/bandit.ts';
import { PlanarBehavior } from '../../loops/planar.ts';
import { Rng } from '../../random/rng.ts';

/** How far the figures show the plane. */
export const REACH = 4.5;

export interface ToySizes {
  /** Updates of each behaviour model, and of QVPO on the bandit. */
  readonly updates: number;
  readonly banditUpdates: number;
  /** Points a behaviour model is trained on. */
  readonly points: number;
  /** Side of the density grid, and of the grid of arrows. */
  readonly grid: number;
  readonly arrows: number;
}

/** What is computed for one dataset. */
export interface PlanarResult {
  readonly name: PlanarName;
  readonly data: PlanarData;
  /** Mean loss of the last tenth of the training. */
  readonly loss: number;
  /** log μ on the grid, row by row from the bottom [grid²]. */
  readonly logDensity: Float32Array;
  /** The probability that the grid's square holds. */
  readonly mass: number;
  readonly arrowPoints: Float32Array;
  readonly score: Float32Array;
  /** Positions of the 7 × 7 bandits' optima as 1/β grows from 0 to 1. */
  readonly paths: readonly Float32Array[];
  /** Share of the final actions that lie where the data are, and of the optima of Q. */
  readonly inside: number;
  readonly insideBefore: number;
}

export async function planarExperiment(
  name: PlanarName,
  sizes: ToySizes,
  seed: number,
  watch: (update: number, loss: number) => void,
): Promise<PlanarResult> {
  const { updates, points, grid, arrows } = sizes;
  const data = planarData(name, points, new Rng(seed).split(name));
  const behavior = new PlanarBehavior({ updates, batchSize: 256, hidden: 96, learningRate: 1e-3, seed });
  let [sum, counted] = [0, 0];
  await behavior.train(data.points, (update, loss) => {
    if (update > 0.9 * updates) [sum, counted] = [sum + loss, counted + 1];
    watch(update, loss);
  });
  const logDensity = behavior.logDensity(square(grid, REACH));
  const cell = ((2 * REACH) / grid) ** 2;
  const arrowPoints = square(arrows, REACH);
  const paths = behavior.shift(centres(7, 4), { pull: 0.05, steps: 20, descent: 15, pairs: 16 });
  const result = {
    ...{ name, data, logDensity, arrowPoints, paths },
    loss: sum / counted,
    mass: logDensity.reduce((total, value) => total + Math.exp(value) * cell, 0),
    score: behavior.score(arrowPoints, 0.02),
    inside: insideSupport(paths.at(-1)!, data.points),
    insideBefore: insideSupport(paths[0]!, data.points),
  };
  behavior.dispose();
  return result;
}

export interface BanditResult {
  readonly entropy: boolean;
  readonly actions: Float32Array;
  /** Share of the actions at each optimum, and at how many at least one action in twenty lies. */
  readonly shares: readonly number[];
  readonly modes: number;
  readonly meanReward: number;
}

export async function banditExperiment(
  entropy: boolean,
  updates: number,
  seed: number,
  watch: (update: number, loss: number) => void,
): Promise<BanditResult> {
  const actions = await trainBandit({ reward: banditReward, entropy, updates, seed, watch }, 500);
  const shares = peakShares(actions);
  let total = 0;
  for (let i = 0; i < actions.length; i += 2) total += banditReward(actions[i]!, actions[i + 1]!);
  const modes = shares.filter(share => share >= 0.05).length;
  return { entropy, actions, shares, modes, meanReward: (2 * total) / actions.length };
}

/** Middles of the cells of a side × side grid over ±reach, row by row from the bottom [side², 2]. */
function square(side: number, reach: number): Float32Array {
  const at = (i: number) => reach * ((2 * i + 1) / side - 1);
  return Float32Array.from({ length: 2 * side * side }, (_, k) =>
    at(k % 2 === 0 ? (k >> 1) % side : Math.floor((k >> 1) / side)),
  );
}

/** side × side points from −reach to reach [side², 2]. */
function centres(side: number, reach: number): Float32Array {
  const at = (i: number) => reach * ((2 * i) / (side - 1) - 1);
  return Float32Array.from({ length: 2 * side * side }, (_, k) =>
    at(k % 2 === 0 ? (k >> 1) % side : Math.floor((k >> 1) / side)),
  );
}

/** Share of the positions [n, 2] that have a point of the data within 0.25. */
export function insideSupport(positions: Float32Array, points: Float32Array): number {
  const count = positions.length / 2;
  let inside = 0;
  for (let i = 0; i < count; i++) {
    let nearest = Infinity;
    for (let j = 0; j < Math.min(points.length, 40_000); j += 2) {
      const [dx, dy] = [points[j]! - positions[2 * i]!, points[j + 1]! - positions[2 * i + 1]!];
      nearest = Math.min(nearest, dx * dx + dy * dy);
    }
    if (nearest <= 0.25 * 0.25) inside++;
  }
  return inside / count;
}
