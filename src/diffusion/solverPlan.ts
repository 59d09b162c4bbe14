/**
 * DPM-Solver and DPM-Solver++: deterministic sampling in few network calls. Lu et al. 2022, arXiv:2206.00927 (noise
 * prediction) and arXiv:2211.01095 (data prediction); step layout, inner times and spacings as in the authors' code.
 *
 * Every update of every variant is linear in a state and in model outputs m, with coefficients that the schedule alone
 * decides. So a solver is a plan, computed once in float64 and without a tensor; running it (`dpmSolver.ts`) is one weighted
 * sum per network call.
 *
 *   noise: x_t = (α_t/α_s) x − σ_t (φ₁ m + φ₂ D₁ + φ₃ D₂)      data: x_t = (σ_t/σ_s) x − α_t (φ₁ m + φ₂ D₁ + φ₃ D₂)
 *   φ₁ = e^{±h} − 1,  φ₂ = ±φ₁/h − 1,  φ₃ = ±φ₂/h − ½,  h = λ_t − λ_s;  D₁, D₂: differences of m in units of h
 */
import { UsageError } from '../errors.ts';
import { type NoiseLevel, type NoiseTime, noiseLevel } from './noiseTime.ts';
import type { Schedule } from './schedules.ts';

export interface SolverOptions {
  /** What m is: the noise ε (DPM-Solver) or the clean sample x₀ (DPM-Solver++). */
  readonly prediction: 'noise' | 'data';
  /** Whether a step of higher order makes calls of its own, or reuses those of earlier steps. */
  readonly method: 'singlestep' | 'multistep';
  /** 1 (DDIM), 2 or 3. */
  readonly order: number;
  /** Network calls. */
  readonly calls: number;
  /** Steps even in time, in its square root, or in λ. */
  readonly spacing?: 'time' | 'quadratic' | 'logSnr';
  readonly start?: number;
  readonly end?: number;
  /** One more call at the end, to remove the noise left there. */
  readonly finalDenoise?: boolean;
}

/** After call i, at state x_i: x_{i+1} = keep · x_base + Σ weight · m_call over calls ≤ i. */
export interface SolverCall {
  readonly level: NoiseLevel;
  readonly base: number;
  readonly keep: number;
  readonly weights: readonly (readonly [call: number, weight: number])[];
  /** The order of the step that ends here; 0 inside a step. */
  readonly order: number;
}

export interface SolverPlan {
  readonly prediction: 'noise' | 'data';
  readonly calls: readonly SolverCall[];
}

/** Throws `UsageError` for an order that the calls cannot support and for an end where no noise is left. */
export function planSolver(time: NoiseTime, options: SolverOptions): SolverPlan {
  const { prediction, method, order, calls, spacing = 'time', start = 1, finalDenoise = false } = options;
  const end = options.end ?? Math.max(1e-3, 1 / (time.steps ?? 1e3));
  checkOptions(time, order, calls, end);
  const grid: Grid = (from, to, n) => spacings[spacing](time, from, to, n).map(t => noiseLevel(time, t));
  const build = method === 'singlestep' ? singlestep : multistep;
  const plan = build(kinds[prediction], order, calls, grid, { start, end, spacing });
  if (!finalDenoise) return { prediction, calls: plan };
  const level = noiseLevel(time, end);
  const [keep, weight] = prediction === 'data' ? [0, 1] : [1 / level.alpha, -level.sigma / level.alpha];
  const last: SolverCall = { level, base: plan.length, keep, weights: [[plan.length, weight]], order: 1 };
  return { prediction, calls: [...plan, last] };
}

function checkOptions(time: NoiseTime, order: number, calls: number, end: number): void {
  if (![1, 2, 3].includes(order)) throw new UsageError(`solver order is ${order}, 1, 2 or 3 is wanted`);
  if (!Number.isInteger(calls) || calls < order)
    throw new UsageError(`${calls} network calls cannot carry a solver of order ${order}`, [
      ['use', calls >= 1 ? `${order} calls or more, or order ${Math.floor(calls)}` : `${order} calls or more`],
    ]);
  if (!(time.logAlpha(end) < 0))
    throw new UsageError(`the solver ends at time ${end}, where a schedule of ${time.steps} steps has no noise left`, [
      ['use', `an end of ${1 / (time.steps ?? 1e3)} or later, or ${Math.ceil(1 / end)} diffusion steps`],
    ]);
}

type Grid = (from: number, to: number, n: number) => NoiseLevel[];
type Span = { start: number; end: number; spacing: NonNullable<SolverOptions['spacing']> };

/** n + 1 times from `from` down to `to`. */
const spacings: Record<Span['spacing'], (time: NoiseTime, from: number, to: number, n: number) => number[]> = {
  time: (_, from, to, n) => between(from, to, n),
  quadratic: (_, from, to, n) => between(Math.sqrt(from), Math.sqrt(to), n).map(u => u * u),
  logSnr(time, from, to, n) {
    const lambdas = between(noiseLevel(time, from).lambda, noiseLevel(time, to).lambda, n);
    return lambdas.map((lambda, i) => (i === 0 ? from : i === n ? to : time.timeOf(lambda)));
  },
};

/** In float32 as in the codes of the field: EDP reads a table at the whole step below a time, which rounding can decide. */
function between(from: number, to: number, n: number): number[] {
  const round = Math.fround;
  const mix = (part: number) => round(round(round(from) * round(1 - part)) + round(round(to) * part));
  return Array.from({ length: n + 1 }, (_, i) => (i === n ? round(to) : mix(round(i / n))));
}

interface Kind {
  keep(s: NoiseLevel, t: NoiseLevel): number;
  factor(t: NoiseLevel): number;
  readonly sign: 1 | -1;
}
const kinds: Record<SolverOptions['prediction'], Kind> = {
  noise: { keep: (s, t) => Math.exp(t.logAlpha - s.logAlpha), factor: t => t.sigma, sign: 1 },
  data: { keep: (s, t) => t.sigma / s.sigma, factor: t => t.alpha, sign: -1 },
};

function phis({ sign }: Kind, h: number): [number, number, number] {
  const one = Math.expm1(sign * h);
  const two = (sign * one) / h - 1;
  return [one, two, (sign * two) / h - 0.5];
}

/** Orders of the steps that spend exactly `calls`: as many of the full order as fit, lower ones at the end. */
function singlestepOrders(order: number, calls: number): number[] {
  const rest = calls % order;
  const full = new Array<number>(Math.floor(calls / order)).fill(order);
  if (order === 3 && rest === 0) return [...full.slice(1), 2, 1];
  return rest === 0 ? full : [...full, rest];
}

function singlestep(kind: Kind, order: number, calls: number, grid: Grid, { start, end, spacing }: Span): SolverCall[] {
  const orders = singlestepOrders(order, calls);
  const ends = spacing === 'logSnr' ? grid(start, end, orders.length) : grid(start, end, calls);
  const plan: SolverCall[] = [];
  orders.forEach((n, i) => {
    const [from, to] = spacing === 'logSnr' ? [i, i + 1] : [plan.length, plan.length + n];
    plan.push(...singlestepCalls(kind, grid(ends[from]!.t, ends[to]!.t, n), plan.length));
  });
  return plan;
}

/** One step over the inner times s, s₁, (s₂,) t: its order is the number of calls it makes, the first at x_base. */
function singlestepCalls(kind: Kind, inner: NoiseLevel[], base: number): SolverCall[] {
  const order = inner.length - 1;
  const [s, t] = [inner[0]!, inner[order]!];
  const h = t.lambda - s.lambda;
  const r = inner.map(level => (level.lambda - s.lambda) / h);
  return inner.slice(1).map((to, i) => {
    const [one, two] = phis(kind, r[i + 1]! * h);
    // The difference m_i − m_base enters by φ₁/2 in a step of order 2 and by φ₂ in one of order 3, over its distance.
    const difference = i === 0 ? 0 : ((order === 2 ? one / 2 : two) * r[i + 1]!) / r[i]!;
    const outputs: [number, number][] = [[base, one - difference]];
    if (i > 0) outputs.push([base + i, difference]);
    const weights = outputs.map(([call, phi]) => [call, -kind.factor(to) * phi] as const);
    return { level: inner[i]!, base, keep: kind.keep(s, to), weights, order: i === order - 1 ? order : 0 };
  });
}

/** Every step makes one call and reuses as many earlier outputs as its order allows; fewer than ten steps end lower. */
function multistep(kind: Kind, order: number, calls: number, grid: Grid, { start, end }: Span): SolverCall[] {
  const levels = grid(start, end, calls);
  return levels.slice(0, calls).map((s, i) => {
    const n = Math.min(order, i + 1, calls < 10 ? calls - i : order);
    const t = levels[i + 1]!;
    const h = t.lambda - s.lambda;
    const ratio = (back: number) => (levels[i - back]!.lambda - levels[i - back - 1]!.lambda) / h;
    const phi = multistepPhis(phis(kind, h), n, ratio);
    const weights = phi.map((value, back) => [i - back, -kind.factor(t) * value] as const);
    return { level: s, base: i, keep: kind.keep(s, t), weights, order: n };
  });
}

/** Factors of m_i, m_{i−1}, m_{i−2}: D₁, D₂ by divided differences over steps of r₀h and r₁h. */
function multistepPhis([one, two, three]: [number, number, number], n: number, r: (back: number) => number): number[] {
  if (n === 1) return [one];
  const r0 = r(0);
  if (n === 2) return [one + one / (2 * r0), -one / (2 * r0)]; // φ₁/2 in place of φ₂, as derived in the papers
  const r1 = r(1);
  const recent = two * (1 + r0 / (r0 + r1)) + three / (r0 + r1); // factor of (m_i − m_{i−1}) / r₀
  const older = -(two * r0 + three) / (r0 + r1); // factor of (m_{i−1} − m_{i−2}) / r₁
  return [one + recent / r0, older / r1 - recent / r0, -older / r1];
}

/**
 * ddpm: every step of the chain, with noise. dpm: DPM-Solver-3, singlestep, of noise predictions (EDP). dpm++:
 * DPM-Solver++(2M), multistep, of clean samples. The solvers add no noise, and take as many calls as they are given.
 */
export const samplerNames = ['ddpm', 'dpm', 'dpm++'] as const;
export type SamplerName = (typeof samplerNames)[number];

/** Noise at a schedule's first step beyond which a solver spends its last call on removing it: coarse schedules. */
const RESIDUE = 0.05;

/** A named solver on a schedule. Throws `UsageError` where the calls cannot support its order. */
export function solverOptions(name: Exclude<SamplerName, 'ddpm'>, schedule: Schedule, calls: number): SolverOptions {
  const finalDenoise = schedule.sqrtOneMinusAlphasCumprod[0]! > RESIDUE;
  const order = name === 'dpm' ? 3 : 2;
  const least = order + (finalDenoise ? 1 : 0);
  if (calls < least)
    throw new UsageError(`${calls} network calls are too few for the sampler ${name}, of order ${order}`, [
      ['use', `--solver-calls ${least} or more`],
      ['or', '--sampler ddpm'],
    ]);
  const variant = name === 'dpm' ? (['noise', 'singlestep'] as const) : (['data', 'multistep'] as const);
  return { prediction: variant[0], method: variant[1], order, calls: finalDenoise ? calls - 1 : calls, finalDenoise };
}

/** The time at each call of a network that takes steps 0 … T−1, here fractional: t·T − 1, rounded as the field's code does. */
export function networkTimes({ calls }: SolverPlan, steps: number): number[] {
  const round = Math.fround;
  return calls.map(({ level }) => round(round(level.t - round(1 / steps)) * steps));
}
