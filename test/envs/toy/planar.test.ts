import { expect, test } from 'vitest';
import { banditReward, peakShares, peaks } from '../../../envs/toy/bandit.ts';
import { planarData, planarNames } from '../../../envs/toy/planar.ts';
import { Rng } from '../../../src/random/rng.ts';

const draw = (name: (typeof planarNames)[number], count = 4000) => planarData(name, count, new Rng(0).split(name));
const radii = (points: Float32Array) =>
  Array.from({ length: points.length / 2 }, (_, i) => Math.hypot(points[2 * i]!, points[2 * i + 1]!));

test.each(planarNames)('%s lies in the square and is the same for the same seed', name => {
  const { points, energies } = draw(name);
  expect(points.every(value => Math.abs(value) < 5)).toBe(true);
  expect(energies.every(value => value >= 0 && value < 2)).toBe(true);
  expect(draw(name).points).toEqual(points);
  expect(planarData(name, 4000, new Rng(1)).points).not.toEqual(points);
});

test('eight gaussians: an eighth each, on a circle of 4/√2, energy by number', () => {
  const { points, energies } = draw('8gaussians');
  for (let k = 0; k < 8; k++) {
    const mine = Array.from(energies.keys()).filter(i => Math.abs(energies[i]! - k / 7) < 1e-6);
    expect(mine.length / 4000).toBeCloseTo(1 / 8, 1.5);
    const mean = [0, 1].map(axis => mine.reduce((sum, i) => sum + points[2 * i + axis]!, 0) / mine.length);
    expect(Math.hypot(mean[0]!, mean[1]!)).toBeCloseTo(4 / Math.SQRT2, 1);
  }
});

test('rings: a quarter of the points within 0.35 of each radius', () => {
  const found = radii(draw('rings').points);
  for (const radius of [3, 2.25, 1.5, 0.75])
    expect(found.filter(r => Math.abs(r - radius) < 0.35).length / found.length).toBeCloseTo(0.25, 1.5);
});

test('checkerboard: only fields of one colour, the good ones in two columns', () => {
  const { points, energies } = draw('checkerboard');
  for (let i = 0; i < points.length / 2; i++) {
    const [column, row] = [Math.floor(points[2 * i]! / 2), Math.floor(points[2 * i + 1]! / 2)];
    expect((column + row) & 1).toBe(0);
    expect(energies[i]).toBe(column === 0 || column === -2 ? 1 : 0);
  }
});

test('moons: two half circles, told apart by their value', () => {
  const { points, energies } = draw('moons');
  let [above, below] = [0, 0];
  for (let i = 0; i < energies.length; i++) {
    if (energies[i] === 0) above += points[2 * i + 1]!;
    else below += points[2 * i + 1]!;
  }
  // mean height of a half circle: 2/π; doubled and shifted as the whole picture is
  expect(above / 2000).toBeCloseTo(4 / Math.PI - 0.2, 1);
  expect(below / 2000).toBeCloseTo(2 * (0.5 - 2 / Math.PI) - 0.2, 1);
});

test('the bandit pays 1 at four points and little between them', () => {
  for (const [x, y] of peaks) expect(banditReward(x, y)).toBe(1);
  expect(banditReward(0, 0)).toBeLessThan(0.02);
  expect(peakShares(Float32Array.from([...peaks[1]!, ...peaks[1]!, ...peaks[3]!, 0, 0]))).toEqual([0, 0.5, 0, 0.25]);
});
