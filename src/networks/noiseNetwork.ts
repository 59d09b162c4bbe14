import type { Noise } from '../tensor/noise.ts';
import type { Activation } from '../tensor/ops/dense.ts';
import { Remembered } from '../tensor/remembered.ts';
import { type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import { halfFanInNormal, type Initializer } from './init.ts';
import { Mlp } from './mlp.ts';
import { sinusoid, sinusoidalTable, type TimeFeatures } from './timeEmbedding.ts';
import { group } from './variables.ts';

export interface NoiseNetworkOptions {
  readonly obsDim: number;
  readonly actDim: number;
  /** T: diffusion steps that can be embedded. */
  readonly steps: number;
  readonly hidden: number;
  readonly hiddenLayers: number;
  /** Width of the sinusoidal embedding and of its learned image. */
  readonly timeDim: number;
  readonly timeHidden: number;
  readonly activation: Activation;
  readonly initializer?: Initializer;
  /** Convention of the sinusoidal features; DDPM's unless given. */
  readonly timeFeatures?: TimeFeatures;
}

/**
 * ε_θ(x, t, s): predicts the noise in a noisy action x at diffusion step t, given the observation s.
 * Sinusoidal time features → two linear layers → e; an MLP on [x, e, s] (QVPO §3, as in DIPO and Diffusion-QL).
 */
export class NoiseNetwork {
  readonly actDim: number;
  readonly timeMlp: Mlp;
  readonly body: Mlp;
  /** `timeMlp/0/weight`, …, `body/0/weight`, … */
  readonly variables: Readonly<Record<string, Variable>>;
  /** Sinusoidal features of every step [T, timeDim]; fixed. */
  readonly features: Tensor2D;
  readonly #embeddings: Remembered<Tensor2D>;
  readonly #timeFeatures: TimeFeatures;
  readonly #timeDim: number;

  constructor(options: NoiseNetworkOptions, noise: Noise) {
    const { obsDim, actDim, steps, hidden, hiddenLayers, timeDim, timeHidden, activation } = options;
    this.actDim = actDim;
    const initializer = options.initializer ?? halfFanInNormal;
    this.timeMlp = new Mlp({ sizes: [timeDim, timeHidden, timeDim], activation, initializer }, noise);
    const sizes = [actDim + timeDim + obsDim, ...new Array<number>(hiddenLayers).fill(hidden), actDim];
    this.body = new Mlp({ sizes, activation, initializer }, noise);
    this.variables = group({
      timeMlp: this.timeMlp.variables,
      body: this.body.variables,
    });
    this.#timeFeatures = options.timeFeatures ?? 'ddpm';
    this.#timeDim = timeDim;
    this.features = tf.keep(sinusoidalTable(steps, timeDim, this.#timeFeatures));
    const descending = tf.keep(tf.reverse2d(this.features, 0));
    this.#embeddings = new Remembered(Object.values(this.timeMlp.variables), () => this.timeMlp.apply(descending));
  }

  /** Learned embeddings of every step, T−1 first: the order of the chain [T, timeDim]. */
  embeddings(): Tensor2D {
    return this.#embeddings.get();
  }

  /** Learned embeddings of any steps, whole or not [times, timeDim]: what an ODE solver asks for. */
  embeddingsAt(times: ArrayLike<number>): Tensor2D {
    return this.timeMlp.apply(sinusoid(times, this.#timeDim, this.#timeFeatures));
  }

  /** ε_θ(x, t, s) [R, A] for noisy actions x [R, A], int32 steps t [R] and observations s [R, S]. */
  apply(x: Tensor2D, t: Tensor1D, s: Tensor2D): Tensor2D {
    const e = this.timeMlp.apply(tf.gather(this.features, t));
    return this.body.apply([x, e, s]);
  }
}
