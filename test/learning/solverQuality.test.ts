/**
 * How good samples are after few network calls, on the planar data, with the exact noise prediction in the network's
 * place: a mixture of narrow Gaussians on 150 points. `SOLVER_TABLE=1 npx vitest run test/learning/solverQuality.test.ts`
 * prints the table of src/diffusion/README.md.
 */
import { beforeAll, expect, test } from 'vitest';
import { type PlanarName, planarData, planarNames } from '../../envs/toy/planar.ts';
import { solve } from '../../src/diffusion/dpmSolver.ts';
import { type NoiseLevel, noiseLevel, scheduleTime } from '../../src/diffusion/noiseTime.ts';
import { makeSchedule } from '../../src/diffusion/schedules.ts';
import { planSolver, type SolverOptions } from '../../src/diffusion/solverPlan.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { type Tensor2D, tf } from '../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

const WIDTH = 0.02;
const POINTS = 150;
const SAMPLES = 150;
const schedule = makeSchedule('linear-scaled', 1000);
const time = scheduleTime(schedule);

/** ε of the mixture: (x − α E[point | x] − …)/σ, with the posterior over points as a softmax. */
function exact(points: Tensor2D) {
  const squares = tf.sum(tf.square(points), 1);
  return (x: Tensor2D, { alpha, sigma }: Pick<NoiseLevel, 'alpha' | 'sigma'>): Tensor2D => {
    const variance = alpha * alpha * WIDTH * WIDTH + sigma * sigma;
    const distance = tf.sub(tf.mul(tf.matMul(x, points, false, true), 2 * alpha), tf.mul(squares, alpha * alpha));
    const weights = tf.softmax(tf.div(distance, 2 * variance) as Tensor2D);
    return tf.mul(tf.sub(x, tf.mul(tf.matMul(weights, points), alpha)), sigma / variance);
  };
}

const solvers: Record<string, (calls: number) => SolverOptions> = {
  'DDIM (order 1)': calls => ({ prediction: 'noise', method: 'multistep', order: 1, calls }),
  'DPM-Solver-2, multistep': calls => ({ prediction: 'noise', method: 'multistep', order: 2, calls }),
  'DPM-Solver-3, singlestep': calls => ({ prediction: 'noise', method: 'singlestep', order: 3, calls }),
  'DPM-Solver++(2M)': calls => ({ prediction: 'data', method: 'multistep', order: 2, calls }),
  'DPM-Solver++(3M)': calls => ({ prediction: 'data', method: 'multistep', order: 3, calls }),
};

function draw(points: Tensor2D, options: SolverOptions, start: Tensor2D): Tensor2D {
  const model = exact(points);
  const plan = planSolver(time, { spacing: 'logSnr', ...options });
  return solve(plan, (x, call) => model(x, plan.calls[call]!.level), start).states.at(-1)!;
}

/** The chain with noise, on a subset of the steps as DDPM codes respace it: `calls` of the 1000, evenly. */
function ancestral(points: Tensor2D, calls: number, start: Tensor2D, noise: StreamNoise): Tensor2D {
  const model = exact(points);
  let x = start;
  for (let call = 0; call < calls; call++) {
    const [t, next] = [1 - call / calls, 1 - (call + 1) / calls];
    const [from, to] = [noiseLevel(time, t), next > 0 ? noiseLevel(time, next) : { alpha: 1, sigma: 0 }];
    const beta = 1 - (from.alpha / to.alpha) ** 2;
    const clean = tf.div(tf.sub(x, tf.mul(model(x, from), from.sigma)), from.alpha);
    const [c0, cx] = [(to.alpha * beta) / from.sigma ** 2, ((from.alpha / to.alpha) * to.sigma ** 2) / from.sigma ** 2];
    const kick = Math.sqrt(beta) * (to.sigma / from.sigma);
    x = tf.add(tf.add(tf.mul(clean, c0), tf.mul(x, cx)), tf.mul(noise.normal('step', x.shape), kick)) as Tensor2D;
  }
  return x;
}

/** Energy distance of two samples [n, 2]: 2 E|x − y| − E|x − x'| − E|y − y'|; 0 for equal distributions. */
function energyDistance(x: Tensor2D, y: Tensor2D): number {
  const mean = (a: Tensor2D, b: Tensor2D, pairs: number) => {
    const squares = tf.add(tf.sum(tf.square(a), 1, true), tf.sum(tf.square(b), 1));
    const distance = tf.sqrt(tf.maximum(tf.sub(squares, tf.mul(tf.matMul(a, b, false, true), 2)), 0));
    return tf.sum(distance).dataSync()[0]! / pairs;
  };
  const [n, m] = [x.shape[0], y.shape[0]];
  return 2 * mean(x, y, n * m) - mean(x, x, n * (n - 1)) - mean(y, y, m * (m - 1));
}

interface Row {
  /** Root mean square distance from the exact end of each trajectory. */
  readonly error: number;
  readonly energy: number;
}

function measure(name: PlanarName, calls: number): Record<string, Row> {
  tf.engine().startScope();
  try {
    const rng = new Rng(11);
    const points = tf.tensor2d(planarData(name, POINTS, rng.split('points')).points, [POINTS, 2]) as Tensor2D;
    const noise = new StreamNoise(rng.split('start'));
    const start = noise.normal('start', [SAMPLES, 2]) as Tensor2D;
    const truth = draw(points, { prediction: 'data', method: 'multistep', order: 2, calls: 120 }, start);
    const data = tf.add(points, tf.mul(noise.normal('data', [POINTS, 2]), WIDTH)) as Tensor2D;
    const rows: Record<string, Row> = {};
    for (const [solver, options] of Object.entries(solvers)) {
      const x = draw(points, options(calls), start);
      const error = Math.sqrt(tf.sum(tf.square(tf.sub(x, truth))).dataSync()[0]! / SAMPLES);
      rows[solver] = { error, energy: energyDistance(x, data) };
    }
    rows['DDPM, respaced'] = { error: NaN, energy: energyDistance(ancestral(points, calls, start, noise), data) };
    return rows;
  } finally {
    tf.engine().endScope();
  }
}

test('at 15 calls the solvers of higher order beat DDIM and the respaced chain', { timeout: 120_000 }, () => {
  const at15 = measure('8gaussians', 15);
  const [ddim, best] = [at15['DDIM (order 1)']!, at15['DPM-Solver++(2M)']!];
  expect(best.error).toBeLessThan(ddim.error);
  expect(best.energy).toBeLessThan(at15['DDPM, respaced']!.energy);
});

test.runIf(process.env.SOLVER_TABLE)('table', { timeout: 3_600_000 }, () => {
  const counts = [5, 10, 15, 20, 50];
  const cells: Record<string, Row[][]> = {};
  for (const calls of counts) {
    for (const name of planarNames) {
      for (const [solver, row] of Object.entries(measure(name, calls))) {
        cells[solver] ??= counts.map(() => []);
        cells[solver][counts.indexOf(calls)]!.push(row);
      }
    }
  }
  const mean = (rows: Row[], key: keyof Row) => rows.reduce((sum, row) => sum + row[key] / rows.length, 0);
  for (const key of ['energy', 'error'] as const) {
    const floor = key === 'energy' ? mean(cells['DPM-Solver++(2M)']!.at(-1)!, key) : 0;
    for (const [solver, row] of Object.entries(cells)) {
      const columns = row.map(rows => (mean(rows, key) - floor).toFixed(4));
      process.stdout.write(`${key} | ${solver} | ${columns.join(' | ')} |\n`);
    }
  }
});
