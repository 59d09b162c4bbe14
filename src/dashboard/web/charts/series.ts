import type { RunSummary } from '../../protocol.ts';
import type { Axis } from '../appState.ts';
import type { RunData } from '../runData.ts';

export interface Curve {
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Where points were left out: the mean of the values around each one. */
  readonly mean?: Float64Array;
}

/**
 * Exponential moving average along x, with bias correction: the weight of the past halves over a fixed part of the range,
 * so unevenly spaced points are smoothed evenly. `smoothing` in [0, 1); 0 returns the values.
 */
export function smooth(x: ArrayLike<number>, y: ArrayLike<number>, smoothing: number): Float64Array {
  const n = y.length;
  const out = new Float64Array(n);
  if (smoothing <= 0 || n < 3) {
    for (let i = 0; i < n; i++) out[i] = y[i]!;
    return out;
  }
  const range = Math.abs(x[n - 1]! - x[0]!) || 1;
  // 0.6 averages over about 1.5 % of the range, 0.9 over about 8 %.
  const length = (range * 0.01 * smoothing) / (1 - smoothing);
  let sum = 0;
  let weight = 0;
  for (let i = 0; i < n; i++) {
    const decay = i === 0 ? 0 : Math.exp(-Math.abs(x[i]! - x[i - 1]!) / length);
    const value = y[i]!;
    if (Number.isFinite(value)) {
      sum = sum * decay + value;
      weight = weight * decay + 1;
    }
    out[i] = weight > 0 ? sum / weight : value;
  }
  return out;
}

/** A group of runs that differ in their seed alone. */
export interface Group {
  readonly key: string;
  readonly label: string;
  readonly runs: readonly RunSummary[];
}

/** Runs by algorithm, task, preset: another preset, task or version never shares a mean. */
export function groupRuns(runs: readonly RunSummary[]): Group[] {
  const groups = new Map<string, RunSummary[]>();
  for (const run of runs) {
    // What cannot be read is nobody's twin.
    const key = run.state === 'unreadable' ? run.id : [run.algo, run.task, run.preset].join(' · ');
    const list = groups.get(key);
    if (list) list.push(run);
    else groups.set(key, [run]);
  }
  const readable = runs.filter(run => run.state !== 'unreadable');
  const tasks = new Set(readable.map(run => run.task));
  return [...groups].map(([key, list]) => {
    const first = list[0]!;
    if (first.state === 'unreadable') return { key, label: first.id, runs: list };
    const twins = [...groups.values()].filter(
      ([other]) => readable.includes(other!) && other!.algo === first.algo && other!.task === first.task,
    ).length;
    const parts = [first.algo.toUpperCase(), tasks.size > 1 ? first.task : '', twins > 1 ? first.preset : ''];
    return { key, label: parts.filter(Boolean).join(' '), runs: list };
  });
}

export interface Band extends Curve {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/**
 * Mean and ± 1 standard deviation over curves, on the union of their x values, each curve interpolated linearly. The mean
 * stops where the first curve stops: beyond, it would be a mean of fewer.
 */
export function meanBand(curves: readonly Curve[]): Band {
  const usable = curves.filter(curve => curve.x.length > 0);
  const begin = Math.max(...usable.map(curve => curve.x[0]!));
  const end = Math.min(...usable.map(curve => curve.x.at(-1)!));
  const merged = Float64Array.from(new Set(usable.flatMap(curve => [...curve.x])))
    .filter(x => x >= begin && x <= end)
    .sort();
  const x = thin(merged, 2000);
  const y = new Float64Array(x.length);
  const low = new Float64Array(x.length);
  const high = new Float64Array(x.length);
  const at = usable.map(() => 0);
  for (let i = 0; i < x.length; i++) {
    let sum = 0;
    let squares = 0;
    usable.forEach((curve, k) => {
      while (at[k]! < curve.x.length - 2 && curve.x[at[k]! + 1]! < x[i]!) at[k]!++;
      const value = interpolateAt(curve, at[k]!, x[i]!);
      sum += value;
      squares += value * value;
    });
    const mean = sum / usable.length;
    const std = Math.sqrt(Math.max(0, squares / usable.length - mean * mean));
    y[i] = mean;
    low[i] = mean - std;
    high[i] = mean + std;
  }
  return { x, y, low, high };
}

function interpolateAt({ x, y }: Curve, i: number, at: number): number {
  if (x.length === 1 || at <= x[i]!) return y[i]!;
  const span = x[i + 1]! - x[i]!;
  const part = span > 0 ? Math.min(1, (at - x[i]!) / span) : 1;
  return y[i]! + (y[i + 1]! - y[i]!) * part;
}

function thin(x: Float64Array, most: number): Float64Array {
  if (x.length <= most) return x;
  return Float64Array.from({ length: most }, (_, i) => x[Math.round((i * (x.length - 1)) / (most - 1))]!);
}

/** Points of a curve that is drawn: more than a screen has columns. */
const DRAWN = 4096;

/** A metric's curve; of a long one the smallest and the largest of every so many values, so that it looks the same. */
export function curveOf(data: RunData, key: string, axis: Axis): Curve {
  const series = data.metrics.get(key);
  if (!series || series.value.length <= DRAWN) return wholeCurve(data, key, axis);
  const rows = series.row.view;
  const source = axis === 'step' ? data.step.view : data.seconds.view;
  return thinned(axis === 'update' ? i => i : i => source[rows[i]!]!, series.value.view);
}

/** All points of a metric's curve: for files. */
export function wholeCurve(data: RunData, key: string, axis: Axis): Curve {
  return { x: data.x(key, axis), y: data.values(key) };
}

/** At most DRAWN points of a curve, its last one among them. */
export function thinned(xAt: (i: number) => number, values: Float64Array): Curve {
  const n = values.length;
  const width = Math.ceil((2 * n) / (DRAWN - 2));
  const [x, y, mean]: number[][] = [[], [], []];
  const put = (i: number, average: number) => {
    x!.push(xAt(i));
    y!.push(values[i]!);
    mean!.push(average);
  };
  for (let begin = 0; begin < n; begin += width) {
    const end = Math.min(n, begin + width);
    let [low, high, sum] = [begin, begin, 0];
    for (let i = begin; i < end; i++) {
      const value = values[i]!;
      if (value < values[low]!) low = i;
      if (value > values[high]!) high = i;
      sum += value;
    }
    const average = sum / (end - begin);
    put(Math.min(low, high), average);
    if (low !== high) put(Math.max(low, high), average);
    if (end === n && Math.max(low, high) < n - 1) put(n - 1, average);
  }
  return { x: Float64Array.from(x!), y: Float64Array.from(y!), mean: Float64Array.from(mean!) };
}

/** Interquartile mean: the mean of the middle half. */
export function interquartileMean(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const cut = Math.floor(sorted.length / 4);
  const middle = sorted.slice(cut, sorted.length - cut);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/** 95 % bootstrap interval of a statistic over seeds; resampling is seeded by the values, so it never flickers. */
export function interval95(
  values: readonly number[],
  statistic: (values: readonly number[]) => number,
): [number, number] {
  if (values.length < 2) return [Number.NaN, Number.NaN];
  let state = 0x9e3779b9 ^ values.length;
  const next = (bound: number) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39);
    state ^= state >>> 15;
    return (state >>> 0) % bound;
  };
  const results = Array.from({ length: 1000 }, (_, i) => {
    state = (state + i * 0x85ebca6b) | 0;
    return statistic(values.map(() => values[next(values.length)]!));
  }).sort((a, b) => a - b);
  return [results[25]!, results[974]!];
}

export function meanStd(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, std: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
}

/** Index of the point nearest to `at` in ascending x; -1 for none. */
export function nearestIndex(x: ArrayLike<number>, at: number): number {
  if (x.length === 0) return -1;
  let low = 0;
  let high = x.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle]! <= at) low = middle;
    else high = middle;
  }
  return Math.abs(x[low]! - at) <= Math.abs(x[high]! - at) ? low : high;
}
