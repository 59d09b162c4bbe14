import { describe, expect, it } from 'vitest';
import { fillIntegers, fillNormal, fillUniform } from '../../../src/random/fill.ts';
import { philox, Rng } from '../../../src/random/rng.ts';

const hex = (words: Uint32Array) => Array.from(words, w => w.toString(16).padStart(8, '0')).join(' ');

describe('Philox4x32-10', () => {
  it('gives the known answers of its authors', () => {
    const out = new Uint32Array(4);
    const ones = 0xffffffff;
    philox(0, 0, 0, 0, 0, 0, out);
    expect(hex(out)).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    philox(ones, ones, ones, ones, ones, ones, out);
    expect(hex(out)).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd');
    // key and counter from the digits of π
    philox(0xa4093822, 0x299f31d0, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, out);
    expect(hex(out)).toBe('d16cfe09 94fdcceb 5001e420 24126ea1');
  });
});

describe('Rng', () => {
  it('continues from its state', () => {
    const rng = new Rng(5);
    rng.uniform();
    rng.normal();
    const copy = new Rng(rng.state);
    expect([copy.normal(), copy.uniform(), copy.integer(10)]).toEqual([rng.normal(), rng.uniform(), rng.integer(10)]);
  });

  it('splits into streams by name, whatever was drawn before', () => {
    const rng = new Rng(5);
    const before = rng.split('replay').uint32();
    rng.normal();
    expect(rng.split('replay').uint32()).toBe(before);
    expect(rng.split('noise').uint32()).not.toBe(before);
  });
});

describe('bulk draws', () => {
  const state = { key: [123, 456] as const, block: 2 ** 32 - 3 };

  it('cut anywhere at a block give the same numbers, past 2³² too', () => {
    const whole = new Float32Array(64);
    const part = new Float32Array(40);
    fillNormal(state, whole);
    fillNormal({ ...state, block: state.block + 6 }, part);
    expect(part).toEqual(whole.subarray(24));
  });

  it('are standard normal: moments, tails and Kolmogorov–Smirnov', () => {
    const n = 200000;
    const x = new Float32Array(n);
    fillNormal(state, x);
    const moment = (k: number) => x.reduce((sum, v) => sum + v ** k, 0) / n;
    expect(Math.abs(moment(1))).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(4 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
    const sorted = Float64Array.from(x).sort();
    let distance = 0;
    sorted.forEach((v, i) => {
      distance = Math.max(distance, Math.abs((i + 0.5) / n - normalDistribution(v)));
    });
    expect(distance).toBeLessThan(1.95 / Math.sqrt(n)); // 0.1 % level
    const pairs = x.reduce((sum, v, i) => (i % 2 === 0 ? sum + v * x[i + 1]! : sum), 0) / (n / 2);
    expect(Math.abs(pairs)).toBeLessThan(4 / Math.sqrt(n / 2));
  });

  it('are uniform in their range', () => {
    const n = 100000;
    const x = new Float32Array(n);
    fillUniform(state, x, -1, 1);
    expect(Math.min(...x.subarray(0, 50000))).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...x.subarray(0, 50000))).toBeLessThan(1);
    expect(Math.abs(x.reduce((sum, v) => sum + v, 0) / n)).toBeLessThan(4 / Math.sqrt(3 * n));
  });

  it('hit whole numbers evenly', () => {
    const counts = new Array<number>(7).fill(0);
    const x = new Int32Array(70000);
    fillIntegers(state, x, 7);
    for (const v of x) counts[v]!++;
    const chiSquare = counts.reduce((sum, c) => sum + (c - 10000) ** 2 / 10000, 0);
    expect(chiSquare).toBeLessThan(22.5); // 0.1 % level, 6 degrees of freedom
  });
});

/** Φ(x) by numerical integration of the density from 0. */
function normalDistribution(x: number): number {
  const steps = 200;
  const h = x / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) sum += (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2) * Math.exp((-h * i * h * i) / 2);
  return 0.5 + ((h / 3) * sum) / Math.sqrt(2 * Math.PI);
}
