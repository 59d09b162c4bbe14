/**
 * What SRPO spares: sampling actions from its diffusion model of the behaviour and taking the best by the critic, as
 * policies of the diffusion kind do (IDQL, SfBC). Same networks as the extracted policy was taught by, so the two can be
 * compared in time and arithmetic (SRPO, section 6.2).
 */
import { best, judge } from '../diffusion/candidates.ts';
import { solve } from '../diffusion/dpmSolver.ts';
import { linearTime } from '../diffusion/noiseTime.ts';
import { planSolver, type SolverPlan } from '../diffusion/solverPlan.ts';
import type { Noise } from '../tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';
import type { Variables } from './algorithm.ts';
import type { Srpo } from './srpo.ts';

export interface TeacherOptions {
  /** K: actions sampled per observation. */
  readonly candidates: number;
  /** Calls of the network per action: DPM-Solver++ of order 2, multistep. */
  readonly calls: number;
}

export class SrpoTeacher {
  readonly #srpo: Srpo;
  readonly #options: TeacherOptions;
  readonly #plan: SolverPlan;

  constructor(srpo: Srpo, options: TeacherOptions) {
    this.#srpo = srpo;
    this.#options = options;
    const { calls } = options;
    const solver = { prediction: 'data', method: 'multistep', order: Math.min(2, calls), calls } as const;
    this.#plan = planSolver(linearTime(), { ...solver, spacing: 'logSnr' });
  }

  /** The best of K samples of μ(·|s) by min_i Q_φ̄i [B, A], for observations [B, S]. */
  act(s: Tensor2D, noise: Noise): Tensor2D {
    const { behavior, critic } = this.#srpo;
    const rows = this.#options.candidates * s.shape[0];
    const tiled = tf.tile(s, [this.#options.candidates, 1]) as Tensor2D;
    const start = noise.normal('teacher', [rows, behavior.actDim]) as Tensor2D;
    const model = (x: Tensor2D, call: number) =>
      behavior.apply(x, tf.fill([rows], this.#plan.calls[call]!.level.t) as Tensor1D, tiled);
    const actions = tf.clipByValue(solve(this.#plan, model, start, 1).states.at(-1)!, -1, 1);
    return this.#options.candidates === 1 ? actions : best(judge(critic.targetCritic, s, actions)).actions;
  }

  /** Floating-point operations of one action, two for each weight of a linear layer. */
  get flop(): number {
    const { candidates, calls } = this.#options;
    const judging = candidates === 1 ? 0 : weights(this.#srpo.critic.targetCritic.variables);
    return 2 * candidates * (calls * weights(this.#srpo.behavior.trainable) + judging);
  }
}

/** Floating-point operations of one action of the extracted policy. */
export function studentFlop({ policy }: Srpo): number {
  return 2 * weights(policy.variables);
}

/** Weights of all linear layers. */
function weights(variables: Variables): number {
  return Object.values(variables).reduce((sum, { rank, size }) => sum + (rank === 2 ? size : 0), 0);
}
