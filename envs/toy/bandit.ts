/**
 * A bandit with several equally good actions: reward 1 at each of four points of the square [−1, 1]², falling off like
 * a Gaussian around them. A policy that covers all four knows the task; one that sits on a single point is as well paid.
 */

/** The best actions, (x, y) each. */
export const peaks: readonly (readonly [x: number, y: number])[] = [
  [-0.6, -0.6],
  [-0.6, 0.6],
  [0.6, -0.6],
  [0.6, 0.6],
];

/** Width of a peak. */
export const PEAK_WIDTH = 0.2;

/** Reward of the action (x, y), in (0, 1]. */
export function banditReward(x: number, y: number): number {
  let best = 0;
  for (const [px, py] of peaks) {
    const square = (x - px) ** 2 + (y - py) ** 2;
    best = Math.max(best, Math.exp(-square / (2 * PEAK_WIDTH * PEAK_WIDTH)));
  }
  return best;
}

/** For actions [n, 2] the share that lies within two widths of each peak. */
export function peakShares(actions: Float32Array): number[] {
  const count = actions.length / 2;
  return peaks.map(([px, py]) => {
    let inside = 0;
    for (let i = 0; i < count; i++) {
      if (Math.hypot(actions[2 * i]! - px, actions[2 * i + 1]! - py) <= 2 * PEAK_WIDTH) inside++;
    }
    return inside / count;
  });
}
