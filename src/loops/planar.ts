import { hyperparameters, Srpo, weightings } from '../algorithms/srpo.ts';
import { resolve } from '../config/hyperparameters.ts';
import { solve } from '../diffusion/dpmSolver.ts';
import { linearTime, noiseLevel } from '../diffusion/noiseTime.ts';
import { planSolver } from '../diffusion/solverPlan.ts';
import { VpSde } from '../diffusion/vpSde.ts';
import { Rng } from '../random/rng.ts';
import { StreamNoise } from '../tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import { Breather } from './breather.ts';
import { mustBeFinite, readMetrics } from './readMetrics.ts';

export interface PlanarOptions {
  readonly updates: number;
  readonly batchSize: number;
  readonly hidden: number;
  readonly learningRate: number;
  readonly seed: number;
}

export interface ShiftOptions {
  /** κ of Q(a) = −½ κ |a − c|². */
  readonly pull: number;
  /** 1/β goes from 0 to 1 in so many steps. */
  readonly steps: number;
  /** Gradient steps at each 1/β, from the solution of the one before. */
  readonly descent: number;
  /** Pairs (t, ±z) that estimate the expectation over time and noise; the same throughout, so the paths are smooth. */
  readonly pairs: number;
}

/** Gradient step of the shift: the regulariser's curvature stays below 1. */
const RATE = 0.5;
/** At later times the data have blurred into one hump, whose middle attracts every action. */
const TIMES = { min: 0.02, max: 0.3 } as const;

/** Rows that one call of the network takes. */
const ROWS = 8192;

/**
 * SRPO's behaviour model of points in the plane, without observations (section 5.1 of the paper), and what is read off
 * it: density, score field, and the shift of a policy.
 */
export class PlanarBehavior {
  readonly #srpo: Srpo;
  readonly #sde = new VpSde();
  readonly #options: PlanarOptions;

  constructor(options: PlanarOptions) {
    this.#options = options;
    const { hidden, learningRate, batchSize, updates } = options;
    const values = { hidden, dropout: 0, behaviorBatchSize: batchSize, behaviorSteps: updates };
    const layer = { source: 'planar', values: { ...values, behaviorLearningRate: learningRate } };
    const initial = new StreamNoise(new Rng(options.seed).split('initial weights'));
    this.#srpo = new Srpo({ obsDim: 1, actDim: 2 }, resolve(hyperparameters, [layer]).values, initial);
  }

  /** Trains on points [n, 2]; calls `watch` after each update with its number and loss. */
  async train(points: Float32Array, watch: (update: number, loss: number) => void): Promise<void> {
    const { updates, batchSize, seed } = this.#options;
    const root = new Rng(seed);
    const [draws, noise] = [root.split('data'), new StreamNoise(root.split('update'))];
    const stage = this.#srpo.stages[0]!;
    const breather = new Breather();
    for (let update = 0; update < updates; update++) {
      const metrics = tf.tidy(() =>
        readMetrics(stage.update(() => batch(points, batchSize, draws), update / updates, noise)),
      );
      mustBeFinite(metrics, `update ${update + 1}`);
      watch(update + 1, metrics['behavior/loss']!);
      await breather.breathe();
    }
  }

  /** ε(x, t) [n, 2] for points x [n, 2], all at one time. */
  epsilon(x: Float32Array, t: number): Float32Array {
    const out = new Float32Array(x.length);
    for (let from = 0; from < x.length; from += 2 * ROWS) {
      const part = x.subarray(from, from + 2 * ROWS);
      out.set(
        tf.tidy(() => {
          const rows = part.length / 2;
          const points = tf.tensor2d(part, [rows, 2]) as Tensor2D;
          return this.#predict(points, tf.fill([rows], t) as Tensor1D).dataSync() as Float32Array;
        }),
        from,
      );
    }
    return out;
  }

  /** Actions ~ the model [count, 2], by DPM-Solver++ of order 2. */
  sample(count: number, calls = 20): Float32Array {
    const plan = planSolver(linearTime(), {
      prediction: 'data',
      method: 'multistep',
      order: 2,
      calls,
      spacing: 'logSnr',
    });
    const noise = new StreamNoise(new Rng(this.#options.seed).split('samples'));
    return tf.tidy(() => {
      const start = noise.normal('x', [count, 2]) as Tensor2D;
      const model = (x: Tensor2D, call: number) =>
        this.#predict(x, tf.fill([count], plan.calls[call]!.level.t) as Tensor1D);
      return solve(plan, model, start).states.at(-1)!.dataSync() as Float32Array;
    });
  }

  /** ∇ log μ_t(x) = −ε(x, t)/σ_t [n, 2] at points [n, 2]. */
  score(points: Float32Array, t: number): Float32Array {
    const { sigma } = level(t);
    return this.epsilon(points, t).map(e => -e / sigma);
  }

  /**
   * log μ(x) at points [n, 2]: the probability-flow ODE dx/dt = ½β(t) (ε(x, t)/σ_t − x) carried to t = 1, where the
   * density is a normal one, adding up the divergence on the way (Song et al. 2021, section 4.3); Heun's method.
   */
  logDensity(points: Float32Array, steps = 16): Float32Array {
    const times = Array.from({ length: steps + 1 }, (_, i) => 0.004 + 0.996 * (i / steps) ** 2);
    let x = Float32Array.from(points);
    const total = new Float64Array(points.length / 2);
    for (let i = 0; i < steps; i++) {
      const h = times[i + 1]! - times[i]!;
      const first = this.#flow(x, times[i]!);
      const ahead = x.map((value, j) => value + h * first.velocity[j]!);
      const second = this.#flow(ahead, times[i + 1]!);
      x = x.map((value, j) => value + 0.5 * h * (first.velocity[j]! + second.velocity[j]!));
      total.forEach((sum, j) => {
        total[j] = sum + 0.5 * h * (first.divergence[j]! + second.divergence[j]!);
      });
    }
    return Float32Array.from(
      total,
      (sum, j) => sum - 0.5 * (x[2 * j]! ** 2 + x[2 * j + 1]! ** 2) - Math.log(2 * Math.PI),
    );
  }

  /** Velocity [n, 2] of the flow and its divergence [n], by central differences. */
  #flow(x: Float32Array, t: number): { velocity: Float32Array; divergence: Float64Array } {
    const { sigma } = level(t);
    const beta = 0.1 + (20 - 0.1) * t;
    const velocityAt = (points: Float32Array) =>
      this.epsilon(points, t).map((e, j) => 0.5 * beta * (e / sigma - points[j]!));
    const delta = 0.02;
    const shifted = (axis: number, by: number) =>
      velocityAt(x.map((value, j) => (j % 2 === axis ? value + by : value)));
    const [right, left, up, down] = [shifted(0, delta), shifted(0, -delta), shifted(1, delta), shifted(1, -delta)];
    const divergence = Float64Array.from(
      { length: x.length / 2 },
      (_, j) => (right[2 * j]! - left[2 * j]! + up[2 * j + 1]! - down[2 * j + 1]!) / (2 * delta),
    );
    return { velocity: right.map((_, j) => (right[j]! + left[j]! + up[j]! + down[j]!) / 4), divergence };
  }

  /**
   * For each centre c [n, 2] the optimum of Q(a) = −½κ|a − c|² under a growing regularisation, solved by
   * a ← a + η (∇Q(a) − (1/β) E_{t,z}[ω(t) (ε(α_t a + σ_t z, t) − z)]), 1/β from 0 to 1. Positions [steps + 1][n, 2].
   */
  shift(centres: Float32Array, { pull, steps, descent, pairs }: ShiftOptions): Float32Array[] {
    const draws = this.#draws(pairs);
    let a = Float32Array.from(centres);
    const path = [a];
    for (let k = 1; k <= steps; k++) {
      for (let i = 0; i < descent; i++) {
        const pushed = this.#regulariser(a, draws);
        a = a.map((value, j) => value + RATE * (pull * (centres[j]! - value) - (k / steps) * pushed[j]!));
      }
      path.push(a);
    }
    tf.dispose(Object.values(draws));
    return path;
  }

  /** Times spread evenly, each with a noise and its opposite. */
  #draws(pairs: number) {
    const noise = new StreamNoise(new Rng(this.#options.seed).split('shift'));
    return tf.tidy(() => {
      const once = tf.linspace(TIMES.min, TIMES.max, pairs) as Tensor1D;
      const z = noise.normal('z', [pairs, 2]) as Tensor2D;
      return { t: tf.concat1d([once, once]), z: tf.concat2d([z, tf.neg(z)], 0) };
    });
  }

  /** E_{t,z}[σ² (ε(x, t) − z)] for actions [n, 2], with the weighting of SRPO's code. */
  #regulariser(actions: Float32Array, draws: { t: Tensor1D; z: Tensor2D }): Float32Array {
    return tf.tidy(() => {
      const [count, draw] = [actions.length / 2, draws.t.shape[0]];
      const a = tf.tile(tf.tensor2d(actions, [count, 2]), [draw, 1]) as Tensor2D;
      const row = tf.tensor1d(
        Int32Array.from({ length: count * draw }, (_, i) => Math.floor(i / count)),
        'int32',
      );
      const [t, z] = [tf.gather(draws.t, row), tf.gather(draws.z, row)];
      const at = this.#sde.at(t);
      const x = tf.add<Tensor2D>(tf.mul(at.alpha.expandDims(1), a), tf.mul(at.sigma.expandDims(1), z));
      const weighted = tf.mul(weightings.vds(at).expandDims(1), tf.sub(this.#predict(x, t), z));
      return tf.mean(weighted.reshape([draw, count, 2]), 0).dataSync() as Float32Array;
    });
  }

  #predict(x: Tensor2D, t: Tensor1D): Tensor2D {
    return this.#srpo.behavior.apply(x, t, tf.zeros([x.shape[0], 1]));
  }

  dispose(): void {
    tf.dispose(this.#srpo.variables);
  }
}

function level(t: number): { sigma: number } {
  return noiseLevel(linearTime(), t);
}

function batch(points: Float32Array, size: number, rng: Rng) {
  const rows = new Float32Array(2 * size);
  for (let i = 0; i < size; i++) {
    const j = rng.integer(points.length / 2);
    rows[2 * i] = points[2 * j]!;
    rows[2 * i + 1] = points[2 * j + 1]!;
  }
  const observations: Tensor2D = tf.zeros([size, 1]);
  const [rewards, terminated] = [tf.zeros([size]) as Tensor1D, tf.ones([size]) as Tensor1D];
  return {
    observations,
    actions: tf.tensor2d(rows, [size, 2]) as Tensor2D,
    rewards,
    terminated,
    nextObservations: observations,
  };
}
