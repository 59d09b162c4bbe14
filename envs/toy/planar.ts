import type { Rng } from '../../src/random/rng.ts';

/** Points of the plane with a value in about [0, 1] each. */
export interface PlanarData {
  /** [n, 2] */
  readonly points: Float32Array;
  /** E: higher is more desirable. [n] */
  readonly energies: Float32Array;
}

/** The six two-dimensional datasets of QGPO (Lu et al. 2023, arXiv:2304.12824), also SRPO's; all lie in about ±4.5. */
export const planarNames = ['8gaussians', 'swissroll', 'moons', 'rings', '2spirals', 'checkerboard'] as const;
export type PlanarName = (typeof planarNames)[number];

type Point = readonly [x: number, y: number, energy: number];

/** `count` points of a dataset. */
export function planarData(name: PlanarName, count: number, rng: Rng): PlanarData {
  const points = new Float32Array(2 * count);
  const energies = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const [x, y, energy] = generators[name](rng, i, count);
    points[2 * i] = x;
    points[2 * i + 1] = y;
    energies[i] = energy;
  }
  return { points, energies };
}

const DIAGONAL = Math.SQRT1_2;
/** Centres in the order that gives them their energies k/7. */
const EIGHT: readonly (readonly [number, number])[] = [
  [0, 1],
  [-DIAGONAL, DIAGONAL],
  [-1, 0],
  [-DIAGONAL, -DIAGONAL],
  [0, -1],
  [DIAGONAL, -DIAGONAL],
  [1, 0],
  [DIAGONAL, DIAGONAL],
];
/** Radius and energy of each ring. */
const RINGS = [
  [3, 2 / 3],
  [2.25, 1 / 3],
  [1.5, 1],
  [0.75, 0],
] as const;

/** Point i of `count`: some datasets divide their points evenly. */
const generators: Record<PlanarName, (rng: Rng, i: number, count: number) => Point> = {
  '8gaussians'(rng) {
    const k = rng.integer(8);
    const [x, y] = EIGHT[k]!;
    return [(4 * x + 0.5 * rng.normal()) / Math.SQRT2, (4 * y + 0.5 * rng.normal()) / Math.SQRT2, k / 7];
  },
  swissroll(rng) {
    const phi = 1.5 * Math.PI * (1 + 2 * rng.uniform());
    const x = (phi * Math.cos(phi) + rng.normal()) / 5;
    const y = (phi * Math.sin(phi) + rng.normal()) / 5;
    return [x, y, (x * x + y * y) / 9];
  },
  moons(rng, i, count) {
    const [half, upper] = [Math.ceil(count / 2), i % 2 === 0];
    const theta = (Math.PI * Math.floor(i / 2)) / Math.max(1, half - 1);
    const x = upper ? Math.cos(theta) : 1 - Math.cos(theta);
    const y = upper ? Math.sin(theta) : 0.5 - Math.sin(theta);
    return [2 * (x + 0.1 * rng.normal()) - 1, 2 * (y + 0.1 * rng.normal()) - 0.2, upper ? 0 : 1];
  },
  rings(rng, i, count) {
    const [radius, energy] = RINGS[i % 4]!;
    const theta = (2 * Math.PI * Math.floor(i / 4)) / Math.ceil(count / 4);
    return [radius * Math.cos(theta) + 0.08 * rng.normal(), radius * Math.sin(theta) + 0.08 * rng.normal(), energy];
  },
  '2spirals'(rng, i) {
    const n = Math.sqrt(rng.uniform()) * 3 * Math.PI;
    const sign = i % 2 === 0 ? 1 : -1;
    const x = (sign * (-n * Math.cos(n) + 0.5 * rng.uniform())) / 3 + 0.1 * rng.normal();
    const y = (sign * (n * Math.sin(n) + 0.5 * rng.uniform())) / 3 + 0.1 * rng.normal();
    return [x, y, Math.min(1, Math.max(0, 1 - n / 10))];
  },
  checkerboard(rng) {
    const column = 4 * rng.uniform() - 2;
    const row = rng.uniform() - 2 * rng.integer(2) + (Math.floor(column) & 1);
    const x = 2 * column;
    return [x, 2 * row, (x > 0 && x <= 2) || x <= -2 ? 1 : 0];
  },
};
