import { beforeAll, describe, expect, test } from 'vitest';
import { solve } from '../../../src/diffusion/dpmSolver.ts';
import { linearTime, noiseLevel, scheduleTime, tabulatedTime } from '../../../src/diffusion/noiseTime.ts';
import { makeSchedule } from '../../../src/diffusion/schedules.ts';
import { planSolver, type SolverOptions, type SolverPlan } from '../../../src/diffusion/solverPlan.ts';
import { UsageError } from '../../../src/errors.ts';
import { type Tensor2D, tf } from '../../../src/tensor/tf.ts';

beforeAll(async () => void (await tf.setBackend('cpu')));

/** Normal data N(μ, d²): the ODE keeps the standardised state, so x_end follows exactly from x_start. */
const [mu, sd] = [0.3, 0.5];
const spread = (t: number) => {
  const { alpha, sigma } = noiseLevel(linearTime(), t);
  return Math.sqrt(alpha * alpha * sd * sd + sigma * sigma);
};
function errorOf(options: SolverOptions): number {
  const time = linearTime();
  const plan = planSolver(time, { end: 0.01, spacing: 'logSnr', ...options });
  const [first, last] = [noiseLevel(time, 1), noiseLevel(time, 0.01)];
  return Math.abs(run(plan, 0.7) - (last.alpha * mu + ((0.7 - first.alpha * mu) * spread(0.01)) / spread(1)));
}

/** A plan in float64, where rounding does not hide the order of convergence. */
function run({ calls, prediction }: SolverPlan, start: number): number {
  const states = [start];
  const outputs: number[] = [];
  calls.forEach(({ level: { t, alpha, sigma }, base, keep, weights }, i) => {
    const eps = ((states[i]! - alpha * mu) * sigma) / spread(t) ** 2;
    outputs.push(prediction === 'noise' ? eps : (states[i]! - sigma * eps) / alpha);
    states.push(keep * states[base]! + weights.reduce((sum, [call, weight]) => sum + weight * outputs[call]!, 0));
  });
  return states.at(-1)!;
}

describe.each(['noise', 'data'] as const)('predicting %s', prediction => {
  test.each([
    ['singlestep', 2],
    ['singlestep', 3],
    ['multistep', 2],
    ['multistep', 3],
  ] as const)('%s of order %i converges, faster than a lower order', (method, order) => {
    const at = (calls: number) => errorOf({ prediction, method, order, calls });
    const [coarse, fine] = [at(24 * order), at(48 * order)];
    expect(coarse).toBeLessThan(0.01);
    expect(coarse / fine).toBeGreaterThan(3.5); // h²: a plan of order 3 has one step of order 1, whose error is h²
    expect(coarse).toBeLessThan(errorOf({ prediction, method, order: order - 1, calls: 24 * order }));
  });
});

test('fifteen calls of order 3 beat fifteen of order 1', () => {
  const at = (order: number) =>
    errorOf({ prediction: 'noise', method: 'singlestep', order, calls: 15, spacing: 'logSnr' });
  expect(at(3)).toBeLessThan(at(1) / 2);
});

test.each([1, 2, 3])('a singlestep plan of order %i spends exactly the calls it was given', order => {
  for (let calls = order; calls <= 16; calls++) {
    const plan = planSolver(linearTime(), { prediction: 'data', method: 'singlestep', order, calls });
    expect(plan.calls.length).toBe(calls);
    expect(plan.calls.reduce((sum, call) => sum + call.order, 0)).toBe(calls);
  }
});

test('the time of λ inverts λ on a table, between its entries and beyond', () => {
  const time = scheduleTime(makeSchedule('linear', 1000));
  for (const t of [0.001, 0.0123, 0.5, 0.99999, 1]) expect(time.timeOf(noiseLevel(time, t).lambda)).toBeCloseTo(t, 9);
  const short = tabulatedTime([-0.1, -1]);
  expect(short.logAlpha(0.5)).toBeCloseTo(-0.1, 12);
  expect(short.logAlpha(0.75)).toBeCloseTo(-0.55, 12);
});

test('clipping bounds the estimate of x₀ at every call', () => {
  const plan = planSolver(linearTime(), { prediction: 'noise', method: 'singlestep', order: 3, calls: 15 });
  const model = (x: Tensor2D) => x.mul(-3) as Tensor2D; // drives x₀ far out
  const run = (clip?: number) =>
    solve(plan, model, tf.tensor2d([1], [1, 1]), clip)
      .states.at(-1)!
      .dataSync()[0]!;
  expect(run()).toBeGreaterThan(5);
  expect(run(1)).toBeLessThan(1.1);
});

describe('refuses', () => {
  const plan = (options: Partial<SolverOptions>) => () =>
    planSolver(scheduleTime(makeSchedule('vp', 100)), {
      prediction: 'noise',
      method: 'multistep',
      order: 3,
      calls: 15,
      ...options,
    });
  test('an order above 3', () => expect(plan({ order: 4 })).toThrow('solver order is 4'));
  test('fewer calls than the order', () => {
    expect(plan({ calls: 2 })).toThrow(UsageError);
    expect(plan({ calls: 2 })).toThrow('2 network calls cannot carry a solver of order 3');
  });
  test('an end without noise', () => expect(plan({ end: 0.0001 })).toThrow('has no noise left'));
});
