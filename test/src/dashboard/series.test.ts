import { describe, expect, it } from 'vitest';
import type { RunSummary } from '../../../src/dashboard/protocol.ts';
import { csvOf } from '../../../src/dashboard/web/charts/export.ts';
import {
  groupRuns,
  interquartileMean,
  interval95,
  meanBand,
  meanStd,
  nearestIndex,
  smooth,
  thinned,
} from '../../../src/dashboard/web/charts/series.ts';
import {
  countModes,
  effectiveNumber,
  entropyOf,
  principalAxes,
  weightsOf,
} from '../../../src/dashboard/web/diffusion/statistics.ts';
import { clock, duration, integer, rate, tick, value } from '../../../src/dashboard/web/format.ts';
import { orderMetrics } from '../../../src/dashboard/web/inspector.ts';
import { fuzzyScore, parseStep } from '../../../src/dashboard/web/palette.ts';
import { filterRuns } from '../../../src/dashboard/web/views/compare.ts';
import { around } from '../../../src/dashboard/web/views/finalReturn.ts';
import { Rng } from '../../../src/random/rng.ts';

const run = (
  id: string,
  algo: string,
  task: string,
  seed: number,
  preset = 'fast',
  tags: string[] = [],
): RunSummary => ({
  id,
  path: `/runs/${id}`,
  state: 'live',
  algo,
  task,
  seed,
  preset,
  totalSteps: 1,
  step: 0,
  seconds: 0,
  rows: 0,
  written: 0,
  tags,
  note: '',
});

describe('curves', () => {
  it('are untouched without smoothing and keep a constant', () => {
    const x = [0, 1, 5, 9];
    expect([...smooth(x, [3, 1, 4, 1], 0)]).toEqual([3, 1, 4, 1]);
    for (const y of smooth(x, [2, 2, 2, 2], 0.9)) expect(y).toBeCloseTo(2, 12);
  });

  it('are smoothed by distance, not by count', () => {
    const dense = Array.from({ length: 1001 }, (_, i) => i);
    const rng = new Rng(1);
    const noise = dense.map(() => rng.normal());
    const spread = (values: Float64Array) => meanStd([...values.subarray(200)]).std;
    expect(spread(smooth(dense, noise, 0.9))).toBeLessThan(0.35 * spread(smooth(dense, noise, 0)));
  });

  it('average over seeds where all of them are, with the standard deviation', () => {
    const curve = (x: number[], y: number[]) => ({ x: Float64Array.from(x), y: Float64Array.from(y) });
    const band = meanBand([curve([0, 10, 20], [0, 10, 20]), curve([0, 10], [10, 20]), curve([0, 5, 30], [20, 25, 50])]);
    expect([...band.x]).toEqual([0, 5, 10]);
    expect([...band.y]).toEqual([10, 15, 20]);
    expect(band.high[0]! - band.y[0]!).toBeCloseTo(Math.sqrt(200 / 3), 10);
  });

  it('find the nearest point', () => {
    expect(nearestIndex([0, 10, 20], 14)).toBe(1);
    expect(nearestIndex([0, 10, 20], 16)).toBe(2);
    expect(nearestIndex([], 1)).toBe(-1);
  });

  it('leave as CSV, unsmoothed and quoted', () => {
    const curve = { x: Float64Array.of(1, 2), y: Float64Array.of(9, 9) };
    const text = csvOf({
      lines: [{ label: 'a,"b"', color: '#000000', curve, raw: Float64Array.of(3, 4) }],
      references: [],
      axis: 'step',
      log: false,
      compact: false,
    });
    expect(text).toBe('line,step,value\n"a,""b""",1,3\n"a,""b""",2,4\n');
  });
});

describe('groups', () => {
  const runs = [
    run('a', 'qvpo', 'Ant-v3', 0),
    run('b', 'qvpo', 'Ant-v3', 1),
    run('c', 'qvpo', 'Ant-v3', 0, 'paper'),
    run('d', 'sac', 'Ant-v3', 0, 'fast', ['table']),
  ];
  it('never put two presets into one mean', () => {
    expect(groupRuns(runs).map(({ label, runs: list }) => [label, list.length])).toEqual([
      ['QVPO fast', 2],
      ['QVPO paper', 1],
      ['SAC', 1],
    ]);
  });
  it('are filtered by expression, by tag, and by what is half typed', () => {
    expect(filterRuns(runs, 'ant-v3-(sac|td3)').map(({ id }) => id)).toEqual(['d']);
    expect(filterRuns(runs, 'table').map(({ id }) => id)).toEqual(['d']);
    expect(filterRuns(runs, 'qvpo(')).toEqual([]);
    expect(filterRuns(runs, '').length).toBe(4);
  });
  it('have an interquartile mean and an interval that holds it', () => {
    expect(interquartileMean([1, 2, 3, 100])).toBe(2.5);
    const values = [10, 12, 11, 13, 9];
    const [low, high] = interval95(values, interquartileMean);
    expect(low).toBeLessThanOrEqual(11);
    expect(high).toBeGreaterThanOrEqual(11);
    expect(interval95(values, interquartileMean)).toEqual([low, high]);
    expect(interval95([1], interquartileMean)).toEqual([Number.NaN, Number.NaN]);
  });
});

describe('numbers', () => {
  it('are written as people read them', () => {
    expect(integer(412380)).toBe('412,380');
    expect(integer(-1240)).toBe('−1,240');
    expect([
      value(31.42),
      value(0.01184),
      value(4812.4),
      value(-0.2),
      value(0),
      value(1.3e9),
      value(Number.NaN),
    ]).toEqual(['31.4', '0.0118', '4,812', '−0.200', '0', '1.3 · 10⁹', 'NaN']);
    expect([tick(400_000), tick(1e6), tick(0.25), tick(0), tick(-1500)]).toEqual(['400k', '1M', '0.25', '0', '−1.5k']);
    expect([duration(31_920), duration(12), duration(250)]).toEqual(['8 h 52 min', '12 s', '4 min 10 s']);
    expect([rate(18.42), rate(1204), rate(Number.NaN)]).toEqual(['18.4', '1,204', '–']);
    expect([clock(30), clock(600), clock(36_000)]).toEqual(['30 s', '10 min', '10 h']);
  });
});

describe('lists', () => {
  it('show pinned metrics first and drop none', () => {
    const keys = ['time/x', 'zeta/y', 'critic/q', 'eval/return', 'policy/loss'];
    expect(orderMetrics(keys, new Set(['policy/loss']))).toEqual([
      'policy/loss',
      'eval/return',
      'critic/q',
      'zeta/y',
      'time/x',
    ]);
  });
  it('find a command from a few letters, the closer the better', () => {
    expect(fuzzyScore('Ghost: best so far', 'gbst')).toBeGreaterThan(0);
    expect(fuzzyScore('Ghost', 'xyz')).toBeUndefined();
    expect(fuzzyScore('Ghost: off', 'ghost')!).toBeGreaterThan(fuzzyScore('Go to the host', 'ghost')!);
    expect([parseStep('310k'), parseStep('410,000')]).toEqual([310_000, 410_000]);
  });
});

describe('statistics of the candidates', () => {
  it('weigh as the algorithm does', () => {
    expect([...weightsOf([1, 2, 3, 6], 'qadv', {})]).toEqual([0, 0, 0, 3]);
    expect([...weightsOf([-1, 2], 'qcut', { qCut: 1 })]).toEqual([1, 2]);
    expect(effectiveNumber([1, 1, 1, 1])).toBe(4);
    expect(effectiveNumber([5, 0, 0])).toBe(1);
  });
  it('count modes and measure entropy', () => {
    const rng = new Rng(3);
    const around = (x: number, y: number) =>
      Array.from({ length: 60 }, () => [x + rng.normal() * 0.06, y + rng.normal() * 0.06] as const);
    expect(countModes([...around(-0.6, 0), ...around(0.6, 0.4), ...around(0.2, -0.7)])).toBe(3);
    expect(countModes(around(0, 0))).toBe(1);
    const gaussian = Float32Array.from({ length: 4000 }, () => rng.normal());
    expect(entropyOf(gaussian, 2)).toBeCloseTo(Math.log(2 * Math.PI * Math.E), 0);
  });
  it('find the plane of largest variance', () => {
    const rng = new Rng(8);
    const rows = new Float32Array(300 * 3);
    for (let i = 0; i < 300; i++) rows.set([rng.normal() * 3, rng.normal() * 0.01, rng.normal()], i * 3);
    const { axes, explained } = principalAxes(rows, 3);
    expect(Math.abs(axes[0][0]!)).toBeGreaterThan(0.99);
    expect(Math.abs(axes[1][2]!)).toBeGreaterThan(0.99);
    expect(explained).toBeGreaterThan(0.99);
  });
});

describe('a long curve', () => {
  it('is drawn through its extremes and its last point, with the means around them', () => {
    const n = 1_000_000;
    const values = Float64Array.from({ length: n }, (_, i) => Math.sin(i / 1e5) + (i === 777_777 ? 9 : 0));
    const { x, y, mean } = thinned(i => 2 * i, values);
    expect(x.length).toBeLessThanOrEqual(4096);
    expect(Math.max(...y)).toBe(values[777_777]);
    expect(x[y.indexOf(values[777_777]!)]).toBe(2 * 777_777);
    expect([x.at(-1), y.at(-1)]).toEqual([2 * (n - 1), values[n - 1]]);
    for (let i = 1; i < x.length; i++) expect(x[i]).toBeGreaterThan(x[i - 1]!);
    for (let i = 0; i < x.length; i += 97) expect(Math.abs(mean![i]! - Math.sin(x[i]! / 2e5))).toBeLessThan(0.03);
  });

  it('keeps every point where there are few', () => {
    const curve = thinned(i => i, Float64Array.of(3, 1, 2));
    expect([...curve.x]).toEqual([0, 1, 2]);
    expect([...curve.y]).toEqual([3, 1, 2]);
  });
});

describe('the range of the last returns', () => {
  it('has room for ticks, whatever the values', () => {
    expect(around([0, 100])).toEqual([-15, 115]);
    expect(around([0])).toEqual([-1, 1]);
    // Five equal runs, whose mean and interval are off by rounding.
    const [low, high] = around([178.125, 178.125 + 1e-13]);
    expect(high - low).toBeCloseTo(35.6, 1);
    expect(around([-1e-14, 1e-14])[1]).toBeLessThan(1e-13);
  });
});
