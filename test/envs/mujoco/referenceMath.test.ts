import { expect, it } from 'vitest';
import { generalSquare } from '../../../envs/mujoco/generalSquare.ts';
import { fusedMultiplyAdd } from '../../../envs/mujoco/numerics.ts';
import { vectorCos, vectorExp, vectorSin } from '../../../envs/mujoco/vectorMath.ts';

// Arguments with the values of numpy 1.24 on AVX-512 and of glibc 2.36's pow(x, 2), all unlike the correctly rounded ones.
const SINES = [
  [0.6204615974947294, 0.5814107828793408],
  [0.9679524599713818, 0.8237265115958625],
  [-1.4811356219466636, -0.9959831710397634],
  [1.2307976850733144, 0.9427551184957965],
  [-0.22811473579467245, -0.22614150107897493],
  [-0.8539756086851966, -0.7538982957953053],
  [0.6880631276544258, 0.6350421841017557],
  [-67.0459143742393, 0.8783830882701954],
  [3.8031780762891145, -0.6143685525104322],
  [-70.28143386307353, -0.9193383113954787],
] as const;
const COSINES = [
  [0.2938647741587621, 0.9571315811076245],
  [0.6291278178084339, 0.8085410424791766],
  [-0.9240871801199613, 0.6025633384537832],
  [-0.08898463867553819, 0.9960434788060847],
  [1.23932942298933, 0.325430432372192],
  [0.2672722447043214, 0.964494888014335],
  [1.2844290036384671, 0.2824693556643499],
  [0.7510883578099286, 0.7309465688012566],
  [-1.0967484433573849, 0.4564915296831561],
  [0.43598002082578424, 0.9064566158984357],
] as const;
const EXPONENTIALS = [
  [-1.5526385343668463, 0.2116886884248569],
  [-0.21715139894786084, 0.8048081129792395],
  [-0.34294887866628687, 0.7096744901393343],
  [-1.2494506949881703, 0.2866622186133393],
  [-1.263095996506504, 0.2827771926623052],
  [-0.49075899130597, 0.6121615924899579],
  [-41.27464057122547, 1.1875485053076856e-18],
  [-12.877589914730734, 2.554663834138371e-6],
  [-15.021789061443023, 2.9930908707891316e-7],
  [-45.89157596599624, 1.173658618134103e-20],
] as const;
const SQUARES = [
  [17.430892028088756, 303.8359968948881],
  [13.150686029783145, 172.9405430539336],
  [-5.351444333212029, 28.63795645146714],
  [29.392704416766094, 863.9310729313811],
  [-11.636836305057482, 135.4159591907039],
  [-8.704765493630802, 75.7729422991055],
  [-15.753569249434507, 248.1749440967285],
  [10.683043925447521, 114.12742751304118],
  [-19.509195593605142, 380.60871270954226],
  [5.318639625637729, 28.287927467403843],
] as const;

it.each([
  ['sine', vectorSin, SINES],
  ['cosine', vectorCos, COSINES],
  ['exponential', vectorExp, EXPONENTIALS],
  ['square', generalSquare, SQUARES],
] as const)('%s: the last bit of the reference', (_, compute, values) => {
  expect(values.map(([x]) => compute(x))).toEqual(values.map(([, y]) => y));
});

it('is the plain function where the reference is', () => {
  expect([vectorSin(0), vectorCos(0), vectorCos(1e-9), vectorExp(0)]).toEqual([0, 1, 1, 1]);
  expect([generalSquare(0), generalSquare(-3), generalSquare(1e200)]).toEqual([0, 9, Number.POSITIVE_INFINITY]);
  expect(vectorExp(-1000)).toBe(0);
});

it('stays within some units in the last place of the exact values', () => {
  const worst = { sine: 0, exponential: 0, square: 0 };
  for (let i = 1; i <= 20_000; i++) {
    const x = Math.sin(i) * 10;
    worst.sine = Math.max(worst.sine, Math.abs(vectorSin(x) / Math.sin(x) - 1));
    worst.exponential = Math.max(worst.exponential, Math.abs(vectorExp(x) / Math.exp(x) - 1));
    worst.square = Math.max(worst.square, Math.abs(generalSquare(x) / (x * x) - 1));
  }
  expect(worst.sine).toBeLessThan(2 ** -50);
  expect(worst.exponential).toBeLessThan(2 ** -50);
  expect(worst.square).toBeLessThanOrEqual(2 ** -52);
});

it('multiplies and adds in one rounding', () => {
  // Exact products and sums of small integers times powers of two, compared in integers.
  const scale = 2n ** 120n;
  const fixed = (x: number) => BigInt(x * 2 ** 60) * 2n ** 60n;
  for (let i = 1; i < 3000; i++) {
    const [a, b, c] = [Math.sin(i), Math.sin(i * i + 1), Math.sin(3 * i) * 2 ** -(i % 50)];
    const rounded = [a, b, c].map(x => Math.round(x * 2 ** 52) / 2 ** 52) as [number, number, number];
    const exact = (fixed(rounded[0]) * fixed(rounded[1])) / scale + fixed(rounded[2]);
    expect(fusedMultiplyAdd(...rounded)).toBe(Number(exact) / 2 ** 120);
  }
});
