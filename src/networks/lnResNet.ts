import type { Noise } from '../tensor/noise.ts';
import { dense } from '../tensor/ops/dense.ts';
import { type LnResBlock, lnResBlock } from '../tensor/ops/lnResBlock.ts';
import { mish } from '../tensor/ops/mish.ts';
import { type Tensor1D, type Tensor2D, tf, type Variable } from '../tensor/tf.ts';
import type { Initializer } from './init.ts';
import { type LinearVariables, Mlp } from './mlp.ts';
import { fourierFeatures } from './timeEmbedding.ts';
import { group } from './variables.ts';

export interface LnResNetOptions {
  /** S; 0 for a network without observations. */
  readonly obsDim: number;
  readonly actDim: number;
  /** H: width of the residual stream; inside a block it is 4H. */
  readonly hidden: number;
  readonly blocks: number;
  /** Probability with which an entry of a block's input is dropped in training. */
  readonly dropout: number;
  /** F: number of Fourier frequencies. */
  readonly frequencies?: number;
  /** They are drawn from N(0, this²), 30 unless given. */
  readonly frequencyDeviation?: number;
  /** Train them too (IDQL); otherwise they stay as drawn. */
  readonly learnFrequencies?: boolean;
  readonly initializer?: Initializer;
  /** Width of the embedded time. */
  readonly timeDim?: number;
}

interface BlockVariables extends LnResBlock {
  readonly norm: { readonly weight: Variable & Tensor1D; readonly bias: Variable & Tensor1D };
  readonly fc1: LinearVariables;
  readonly fc2: LinearVariables;
}

/**
 * ε(x, t, s) in continuous time: Fourier features of t → two linear layers; [x, s, e] → residual blocks of dropout,
 * layer norm and two linear layers → mish → linear (IDQL's LN_Resnet, Hansen-Estruch et al. 2023, as SRPO uses it).
 */
export class LnResNet {
  readonly actDim: number;
  readonly dropout: number;
  readonly frequencies: Variable & Tensor1D;
  readonly cond: Mlp;
  readonly input: Mlp;
  readonly blocks: readonly BlockVariables[];
  readonly output: Mlp;
  /** What an optimizer trains: `cond/0/weight`, …, `in/weight`, `block0/norm/weight`, …, `out/bias`. */
  readonly trainable: Readonly<Record<string, Variable>>;
  /** What a checkpoint holds: `trainable` and the frequencies `fourier/W`. */
  readonly variables: Readonly<Record<string, Variable>>;

  constructor(options: LnResNetOptions, noise: Noise) {
    const { obsDim, actDim, hidden, blocks, dropout, frequencies = 32, timeDim = 128, initializer } = options;
    const { frequencyDeviation = 30, learnFrequencies = false } = options;
    this.actDim = actDim;
    this.dropout = dropout;
    const scaled = tf.tidy(() => tf.mul(noise.normal('frequencies', [frequencies]), frequencyDeviation));
    this.frequencies = tf.variable(scaled, learnFrequencies) as Variable & Tensor1D;
    scaled.dispose();
    const linear = (...sizes: number[]) => new Mlp({ sizes, activation: 'mish', initializer }, noise);
    this.cond = linear(2 * frequencies, timeDim, timeDim);
    this.input = linear(actDim + obsDim + timeDim, hidden);
    const stack = Array.from({ length: blocks }, () => block(hidden, noise, initializer));
    this.blocks = stack.map(({ parts }) => parts);
    this.output = linear(hidden, actDim);
    this.trainable = group({
      ...(learnFrequencies && { fourier: { W: this.frequencies } }),
      cond: this.cond.variables,
      in: single(this.input),
      ...Object.fromEntries(stack.map(({ variables }, i) => [`block${i}`, variables])),
      out: single(this.output),
    });
    this.variables = { 'fourier/W': this.frequencies, ...this.trainable };
  }

  /**
   * Predicted noise [R, A] for noisy actions x [R, A], times t [R] in [0, 1] and observations s [R, S] (none if S = 0).
   * With `drops`, uniform numbers [R, H] for each block, the blocks drop their inputs: training mode.
   */
  apply(x: Tensor2D, t: Tensor1D, s?: Tensor2D, drops?: readonly Tensor2D[]): Tensor2D {
    const e = this.cond.apply(fourierFeatures(t, this.frequencies));
    let h = this.input.apply(s ? [x, s, e] : [x, e]);
    this.blocks.forEach((block, i) => {
      h = lnResBlock(h, block, drops && { uniform: drops[i]!, rate: this.dropout });
    });
    const [{ weight, bias }] = this.output.layers as [LinearVariables];
    return dense(mish(h), weight, bias, 'linear');
  }

  /** Draws what a training step drops, for `apply`: an entry is kept where its number is at least the dropout rate. */
  drops(rows: number, noise: Noise): Tensor2D[] | undefined {
    if (this.dropout === 0) return undefined;
    const hidden = this.blocks[0]!.norm.weight.shape[0];
    return this.blocks.map((_, i) => noise.uniform(`dropout${i}`, [rows, hidden]) as Tensor2D);
  }
}

function block(hidden: number, noise: Noise, initializer?: Initializer) {
  const vector = (value: number) => tf.variable(tf.fill([hidden], value)) as Variable & Tensor1D;
  const norm = { weight: vector(1), bias: vector(0) };
  const fc1 = new Mlp({ sizes: [hidden, 4 * hidden], activation: 'mish', initializer }, noise);
  const fc2 = new Mlp({ sizes: [4 * hidden, hidden], activation: 'mish', initializer }, noise);
  const parts: BlockVariables = { norm, fc1: fc1.layers[0]!, fc2: fc2.layers[0]! };
  return { parts, variables: group({ norm, fc1: single(fc1), fc2: single(fc2) }) };
}

/** The variables of a one-layer network without the layer's number. */
function single({ layers: [layer] }: Mlp): Record<string, Variable> {
  return { weight: layer!.weight, bias: layer!.bias };
}
