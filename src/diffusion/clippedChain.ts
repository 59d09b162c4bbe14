import type { Noise } from '../tensor/noise.ts';
import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import { solve } from './dpmSolver.ts';
import { scheduleTime } from './noiseTime.ts';
import type { Schedule } from './schedules.ts';
import { planSolver, type SamplerName, solverOptions } from './solverPlan.ts';

/** ε at one diffusion step for all rows, whole or (asked for by a solver) fractional: [R, A]. */
export type StepModel = (x: Tensor2D, step: number) => Tensor2D;

/**
 * The chain of IDQL's and QSM's codes: at every step x itself is clipped to [−1, 1], not the estimate of x₀.
 *   x ← clip((x − (1 − α_t)/√(1 − ᾱ_t) ε(x, t)) / √α_t + [t > 0] √β_t ξ, −1, 1),  t = T−1 … 0
 */
export class ClippedChain {
  readonly schedule: Schedule;
  readonly #sqrtAcp: Tensor1D;
  readonly #sqrtOneMinusAcp: Tensor1D;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.#sqrtAcp = tf.keep(tf.tensor1d(schedule.sqrtAlphasCumprod));
    this.#sqrtOneMinusAcp = tf.keep(tf.tensor1d(schedule.sqrtOneMinusAlphasCumprod));
  }

  /** x_t = √ᾱ_t a + √(1 − ᾱ_t) ε for actions [R, A], int32 steps t [R] and ε [R, A]. */
  corrupt(actions: Tensor2D, t: Tensor1D, epsilon: Tensor): Tensor2D {
    const [signal, scale] = [this.#sqrtAcp, this.#sqrtOneMinusAcp].map(table => tf.gather(table, t).expandDims(1));
    return tf.add(tf.mul(signal!, actions), tf.mul(scale!, epsilon));
  }

  /** Samples [rows, actDim] in [−1, 1]. Draws `<name>/initial` and `<name>/steps`. */
  sample(model: StepModel, [rows, actDim]: readonly [number, number], name: string, noise: Noise): Tensor2D {
    const { steps, betas, sqrtOneMinusAlphasCumprod: scale } = this.schedule;
    let x = noise.normal(`${name}/initial`, [rows, actDim]) as Tensor2D;
    const xi = noise.normal(`${name}/steps`, [steps, rows, actDim]);
    for (let t = steps - 1; t >= 0; t--) {
      const beta = betas[t]!;
      const denoised = tf.sub(x, tf.mul(model(x, t), beta / scale[t]!));
      const mean = tf.div(denoised, Math.sqrt(1 - beta));
      const kick = tf.mul(
        tf.reshape(tf.slice(xi, [steps - 1 - t, 0, 0], [1, -1, -1]), [rows, actDim]),
        Math.sqrt(beta),
      );
      x = tf.clipByValue(t > 0 ? tf.add(mean, kick) : mean, -1, 1) as Tensor2D;
    }
    return x;
  }

  /** The same distribution by DPM-Solver in `calls` calls, its estimates of x₀ clipped. Draws `<name>/initial`. */
  solver(kind: Exclude<SamplerName, 'ddpm'>, calls: number) {
    const { steps } = this.schedule;
    const plan = planSolver(scheduleTime(this.schedule), solverOptions(kind, this.schedule, calls));
    const times = plan.calls.map(({ level }) => level.t * steps - 1);
    return (model: StepModel, shape: readonly [number, number], name: string, noise: Noise): Tensor2D => {
      const initial = noise.normal(`${name}/initial`, shape) as Tensor2D;
      const { states } = solve(plan, (x, call) => model(x, times[call]!), initial, 1);
      return tf.clipByValue(states.at(-1)!, -1, 1);
    };
  }
}
