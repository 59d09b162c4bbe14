import type { Noise } from '../tensor/noise.ts';
import type { Activation } from '../tensor/ops/dense.ts';
import { type Input, mlp, mlpValues } from '../tensor/ops/mlp.ts';
import { type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import { type Initializer, torchLinear } from './init.ts';

export interface LinearVariables {
  readonly weight: Variable & Tensor2D;
  readonly bias: Variable & Tensor1D;
}

export interface MlpOptions {
  /** Sizes of input, hidden layers and output. */
  readonly sizes: readonly number[];
  readonly activation: Activation;
  readonly outputActivation?: Activation;
  readonly initializer?: Initializer;
}

/** A stack of linear layers with an activation after each but the last. */
export class Mlp {
  readonly layers: readonly LinearVariables[];
  readonly activation: Activation;
  readonly outputActivation: Activation;
  /** `0/weight` [in, out], `0/bias` [out], `1/weight`, … */
  readonly variables: Readonly<Record<string, Variable>>;
  readonly #alone: readonly Mlp[] = [this];

  constructor({ sizes, activation, outputActivation = 'linear', initializer = torchLinear }: MlpOptions, noise: Noise) {
    this.activation = activation;
    this.outputActivation = outputActivation;
    const variables: Record<string, Variable> = {};
    this.layers = sizes.slice(1).map((fanOut, i) => {
      const initial = tf.tidy(() => initializer(sizes[i]!, fanOut, noise));
      const layer = {
        weight: tf.variable(initial.weight),
        bias: tf.variable(initial.bias),
      } as LinearVariables;
      tf.dispose([initial.weight, initial.bias]);
      variables[`${i}/weight`] = layer.weight;
      variables[`${i}/bias`] = layer.bias;
      return layer;
    });
    this.variables = variables;
  }

  /** [B, in], or the parts it is made of → [B, out]. */
  apply(x: Input): Tensor2D {
    return mlp(this.#alone, x)[0]!;
  }

  /** As `apply`, for a network of one output [B]. */
  values(x: Input): Tensor1D {
    return mlpValues(this.#alone, x)[0]!;
  }
}
