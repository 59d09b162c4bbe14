/** ω: values of the candidates to the weights of the denoising loss, by the run's q-transform (QVPO, section 4.2). */
export function weightsOf(
  q: ArrayLike<number>,
  transform: string,
  values: Readonly<Record<string, unknown>>,
): Float32Array {
  const mean = meanOf(q);
  const deviation = Math.sqrt(meanOf(Float64Array.from(q, value => (value - mean) ** 2))) || 1;
  const number = (key: string, otherwise: number) =>
    typeof values[key] === 'number' ? (values[key] as number) : otherwise;
  const beta = number('qBeta', 1);
  const of: Record<string, (q: number) => number> = {
    qadv: x => Math.max(x - mean, 0),
    qrelu: x => Math.max(x, -number('qNegative', 0)) + number('qNegative', 0),
    qcut: x => Math.max(x, number('qCut', 1)),
    qexpn: x => Math.exp(beta * Math.min(8, Math.max(-8, (x - mean) / deviation))),
    qcut0n: x => Math.max(beta * (x - mean), 0),
    qcut1n: x => Math.max(beta * (x - mean), 1),
  };
  return Float32Array.from(q, of[transform] ?? of.qadv!);
}

export const transformText: Readonly<Record<string, string>> = {
  qadv: 'max(Q − V, 0), V the mean',
  qrelu: 'max(Q, 0)',
  qcut: 'max(Q, cut)',
  qexpn: 'exp of the standardised Q',
  qcut0n: 'max(β(Q − mean), 0)',
  qcut1n: 'max(β(Q − mean), 1)',
};

export function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** (Σw)² / Σw²: how many equal weights would count as much. */
export function effectiveNumber(weights: ArrayLike<number>): number {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i]!;
    squares += weights[i]! ** 2;
  }
  return squares > 0 ? (sum * sum) / squares : 0;
}

type Point = readonly [number, number];

/** Number of modes of points in the plane: mean shift with a Gaussian window, peaks nearer than a window are one. */
export function countModes(points: readonly Point[], window = 0.22): number {
  const peaks: Point[] = [];
  const counts: number[] = [];
  for (const start of points) {
    let [x, y] = start;
    for (let i = 0; i < 30; i++) {
      let [sx, sy, sw] = [0, 0, 0];
      for (const [px, py] of points) {
        const w = Math.exp(-((px - x) ** 2 + (py - y) ** 2) / (2 * window * window));
        sx += w * px;
        sy += w * py;
        sw += w;
      }
      const moved = Math.hypot(sx / sw - x, sy / sw - y);
      [x, y] = [sx / sw, sy / sw];
      if (moved < 1e-3) break;
    }
    const known = peaks.findIndex(([px, py]) => Math.hypot(px - x, py - y) < window);
    if (known >= 0) counts[known]!++;
    else {
      peaks.push([x, y]);
      counts.push(1);
    }
  }
  return counts.filter(count => count >= Math.max(2, points.length * 0.04)).length;
}

/** Differential entropy in nats by nearest neighbours (Kozachenko and Leonenko 1987); rows [n, dim]. */
export function entropyOf(rows: Float32Array, dim: number): number {
  const n = rows.length / dim;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    let nearest = Number.POSITIVE_INFINITY;
    for (let j = 0; j < n; j++) {
      if (i === j) continue;
      let d = 0;
      for (let k = 0; k < dim; k++) d += (rows[i * dim + k]! - rows[j * dim + k]!) ** 2;
      if (d < nearest) nearest = d;
    }
    sum += 0.5 * Math.log(Math.max(nearest, 1e-16));
  }
  const ball = (dim / 2) * Math.log(Math.PI) - logGamma(dim / 2 + 1);
  return (dim * sum) / n + ball + Math.log(n - 1) + 0.5772156649;
}

/** ln Γ(x) by Stirling's series after shifting x above 7. */
function logGamma(x: number): number {
  let shift = 0;
  while (x < 7) shift -= Math.log(x++);
  const z = 1 / (x * x);
  return shift + (x - 0.5) * Math.log(x) - x + 0.9189385332046727 + (1 / 12 - z * (1 / 360 - z / 1260)) / x;
}

/** Density of numbers on a grid from −1.2 to 1.2, Gaussian window. */
export function densityOf(values: readonly number[], bins = 96, window = 0.07): Float64Array {
  const out = new Float64Array(bins);
  for (let b = 0; b < bins; b++) {
    const at = -1.2 + (2.4 * b) / (bins - 1);
    for (const value of values) out[b]! += Math.exp(-((value - at) ** 2) / (2 * window * window));
  }
  return out;
}

/** The first two principal directions of rows [n, dim], and the part of the variance they hold. */
export function principalAxes(
  rows: Float32Array,
  dim: number,
): { axes: [Float64Array, Float64Array]; explained: number } {
  const n = rows.length / dim;
  const mean = Float64Array.from({ length: dim }, (_, k) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += rows[i * dim + k]!;
    return sum / n;
  });
  const covariance = Array.from({ length: dim }, (_, a) =>
    Float64Array.from({ length: dim }, (_, b) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += (rows[i * dim + a]! - mean[a]!) * (rows[i * dim + b]! - mean[b]!);
      return sum / n;
    }),
  );
  const total = covariance.reduce((sum, row, a) => sum + row[a]!, 0);
  const axes: Float64Array[] = [];
  let held = 0;
  for (let p = 0; p < 2; p++) {
    let v = Float64Array.from({ length: dim }, (_, k) => Math.cos(k + p));
    let size = 0;
    for (let i = 0; i < 100; i++) {
      const next = covariance.map(row => row.reduce((sum, c, b) => sum + c * v[b]!, 0));
      for (const axis of axes) {
        const along = next.reduce((sum, x, k) => sum + x * axis[k]!, 0);
        next.forEach((_, k) => {
          next[k]! -= along * axis[k]!;
        });
      }
      size = Math.hypot(...next);
      if (size < 1e-12) break;
      v = Float64Array.from(next, x => x / size);
    }
    axes.push(v);
    held += size;
  }
  return { axes: axes as [Float64Array, Float64Array], explained: total > 0 ? held / total : 1 };
}

/** Indices drawn in proportion to the weights, evenly spread over the cumulated sum. */
export function stratified(weights: ArrayLike<number>, total: number, count: number): number[] {
  if (!(total > 0)) return Array.from({ length: count }, (_, i) => i);
  const out: number[] = [];
  let sum = weights[0]!;
  for (let k = 0, i = 0; k < count; k++) {
    const wanted = ((k + 0.5) / count) * total;
    while (sum < wanted && i < weights.length - 1) sum += weights[++i]!;
    out.push(i);
  }
  return out;
}

/** Low-discrepancy points in [0, 1]: a uniform cloud that is the same every time. */
export function halton(index: number, base: number): number {
  let [result, part] = [0, 1 / base];
  for (let i = index; i > 0; i = Math.floor(i / base), part /= base) result += part * (i % base);
  return result;
}
