/**
 * Sine, cosine and exponential as the reference computed them: with the vector instructions of AVX-512, through short
 * polynomials that err by up to 4 units in the last place. Recorded observations and rewards hold these very values.
 */

import { fusedMultiplyAdd } from './numerics.ts';

/** π in three parts, the sum of which errs by 10⁻⁴⁹. */
const PI_PARTS = [Math.PI, 1.224646799147353e-16, 2.165713347843828e-32] as const;
/** sin r ≈ r + r³ P(r²) on [−π/2, π/2]: coefficients of P, the highest power first, fitted for the sine and for the cosine. */
const SINE = [
  -7.373344533110665e-13, 1.6048095404959637e-10, -2.505188027386288e-8, 2.7557316600552628e-6, -1.9841269825056256e-4,
  0.008333333333285542, -0.16666666666666186,
];
const COSINE = [
  -7.37280909726507e-13, 1.6048055576979365e-10, -2.505187912674299e-8, 2.755731658449074e-6, -1.9841269824944275e-4,
  0.00833333333328519, -0.16666666666666183,
];

/** sin x for |x| up to 2²⁴. */
export function vectorSin(x: number): number {
  const turns = roundToEven(x / Math.PI);
  const sine = reducedSine(SINE, -turns, x);
  return isEven(turns) ? sine : -sine;
}

/** cos x likewise: the sine of the distance to the nearest odd multiple of π/2. */
export function vectorCos(x: number): number {
  const away = Math.abs(x);
  if (away < 2 ** -27) return 1;
  const turns = Math.floor(away / Math.PI);
  const cosine = reducedSine(COSINE, turns + 0.5, -away);
  return isEven(turns) ? cosine : -cosine;
}

/** sin r of r = x + turns · π, as r + r z P(z) with z = r²; all in fused steps, P by Horner's scheme. */
function reducedSine(coefficients: readonly number[], turns: number, x: number): number {
  let r = x;
  let z = 0; // the square before the last correction, which it would not feel
  for (let i = 0; i < 3; i++) {
    z = r * r;
    r = fusedMultiplyAdd(turns, PI_PARTS[i]!, r);
  }
  let p = coefficients[0]!;
  for (let i = 1; i < coefficients.length; i++) p = fusedMultiplyAdd(p, z, coefficients[i]!);
  return fusedMultiplyAdd(p, z * r, r);
}

/** Without `%`, which calls the C library. */
function isEven(x: number): boolean {
  return Math.floor(x / 2) * 2 === x;
}

function roundToEven(x: number): number {
  const big = 6755399441055744; // 1.5 · 2⁵²
  return x + big - big;
}

/** ln 2 in two parts. */
const LN2_PARTS = [Math.LN2, 2.3190468138462996e-17] as const;
/** 2^(j/16). */
const ROOTS = [
  1,
  1.0442737824274138,
  1.0905077326652577,
  1.1387886347566916,
  1.189207115002721,
  1.241857812073484,
  1.2968395546510096,
  1.3542555469368927,
  Math.SQRT2,
  1.4768261459394993,
  1.5422108254079407,
  1.6104903319492543,
  1.681792830507429,
  1.7562521603732995,
  1.8340080864093424,
  1.9152065613971474,
];
/** exp r − 1 ≈ r + r² (a₀ + a₁ r + … + a₄ r³ …) on [0, ln 2 / 16]: a₀ first. */
const EXPONENTIAL = [
  0.5000000000010838, 0.16666666637508337, 0.041666695348322125, 0.008332058899382488, 0.0014149452874381984,
] as const;

/** exp x likewise, for |x| < 707: 2^k · 2^(j/16) · exp r. */
export function vectorExp(x: number): number {
  if (!(Math.abs(x) < 707)) return Math.exp(x);
  const sixteenths = Math.floor(16 * x * Math.LOG2E);
  const n = sixteenths / 16;
  const k = Math.floor(n);
  const r = fusedMultiplyAdd(-n, LN2_PARTS[1], fusedMultiplyAdd(-n, LN2_PARTS[0], x));
  const [a0, a1, a2, a3, a4] = EXPONENTIAL;
  const z = r * r;
  const high = fusedMultiplyAdd(fusedMultiplyAdd(r, a4, a3), z, fusedMultiplyAdd(r, a2, a1));
  const p = fusedMultiplyAdd(z * r, high, fusedMultiplyAdd(z, a0, r));
  const root = ROOTS[sixteenths - 16 * k]!;
  return fusedMultiplyAdd(root, p, root) * 2 ** k;
}
