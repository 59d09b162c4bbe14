import type { Noise } from '../tensor/noise.ts';
import { type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import { xavierUniform } from './init.ts';
import { Mlp } from './mlp.ts';
import { fourierFeatures } from './timeEmbedding.ts';
import { group } from './variables.ts';

export interface FourierNetworkOptions {
  readonly obsDim: number;
  readonly actDim: number;
  readonly hidden: number;
  /** Number of learned frequencies, which start as N(0, 0.2²). */
  readonly frequencies?: number;
  readonly timeDim?: number;
}

/** ε(x, t, s): learned Fourier features of t → two linear layers → e; an MLP with two hidden layers on [s, x, e] (QSM). */
export class FourierNetwork {
  readonly actDim: number;
  readonly frequencies: Variable & Tensor1D;
  readonly time: Mlp;
  readonly body: Mlp;
  /** `fourier/W`, `time/0/weight`, …, `body/0/weight`, … */
  readonly variables: Readonly<Record<string, Variable>>;

  constructor(options: FourierNetworkOptions, noise: Noise) {
    const { obsDim, actDim, hidden, frequencies = 32, timeDim = 128 } = options;
    this.actDim = actDim;
    const initial = tf.tidy(() => tf.mul(noise.normal('frequencies', [frequencies]), 0.2));
    this.frequencies = tf.variable(initial) as Variable & Tensor1D;
    initial.dispose();
    const mlp = (sizes: number[]) => new Mlp({ sizes, activation: 'mish', initializer: xavierUniform }, noise);
    this.time = mlp([2 * frequencies, timeDim, timeDim]);
    this.body = mlp([obsDim + actDim + timeDim, hidden, hidden, actDim]);
    const fourier = { W: this.frequencies };
    this.variables = group({ fourier, time: this.time.variables, body: this.body.variables });
  }

  /** [R, A] for noisy actions x [R, A], steps t [R] (float32) and observations s [R, S]. */
  apply(x: Tensor2D, t: Tensor1D, s: Tensor2D): Tensor2D {
    const e = this.time.apply(fourierFeatures(t, this.frequencies));
    return this.body.apply([s, x, e]);
  }
}
