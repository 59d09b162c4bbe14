import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../tf.ts';
import type { DenoiserBody } from './denoise.ts';
import { type Activation, dense } from './dense.ts';
import { type Gradients, hasKernel, runFused } from './fused.ts';
import { isTrained } from './trained.ts';

/** A stack of dense layers: `activation` after each but the last, `outputActivation` after that. */
export interface Stack extends DenoiserBody {
  readonly outputActivation: Activation;
}

/** What the kernels `Mlp…` are told beside their tensors. The weights are variables: they outlive the tape. */
export interface MlpAttributes {
  readonly nets: readonly Stack[];
  /** Widths of the parts of the input. */
  readonly widths: readonly number[];
  /** Keep what the gradient needs. */
  readonly keep: boolean;
  /** Results of one column as vectors. */
  readonly flat: boolean;
}

/** Rows [B, in], or their parts, to be taken side by side. */
export type Input = Tensor2D | readonly Tensor2D[];

/** x [B, in] through each of some stacks of the same layout → [B, out] of each; differentiable, in one call. */
export function mlp(nets: readonly Stack[], x: Input): Tensor2D[] {
  return fused(nets, x, false) ?? definition(nets, x);
}

/** As `mlp`, for networks of one output: [B] of each. */
export function mlpValues(nets: readonly Stack[], x: Input): Tensor1D[] {
  return fused(nets, x, true) ?? definition(nets, x).map(y => y.reshape([-1]));
}

const partsOf = (x: Input): readonly Tensor2D[] => (Array.isArray(x) ? x : [x as Tensor2D]);

function fused<T extends Tensor>(nets: readonly Stack[], x: Input, flat: boolean): T[] | undefined {
  const parts = partsOf(x);
  if (!hasKernel() || !alike(nets)) return undefined;
  const widths: number[] = [];
  let width = 0;
  for (const { shape } of parts) {
    widths.push(shape[1]);
    width += shape[0] === parts[0]!.shape[0] ? shape[1] : Number.NaN;
  }
  const wanted = nets[0]!.layers[0]!.weight.shape;
  if (width !== wanted[0])
    throw new Error(`mlp: [${parts.map(({ shape }) => `[${shape}]`)}] into a first weight [${wanted}]`);
  const keep = tf.engine().isTapeOn();
  const attributes: MlpAttributes = { nets, widths, keep, flat };
  return runFused('Mlp', keep ? [...parts, ...parametersOf(nets)] : parts, attributes) as T[];
}

/** What `mlp` means. */
export function definition(nets: readonly Stack[], x: Input): Tensor2D[] {
  const parts = partsOf(x);
  const joined = parts.length === 1 ? parts[0]! : tf.concat2d([...parts], 1);
  return nets.map(({ layers, activation, outputActivation }) =>
    layers.reduce(
      (h, { weight, bias }, i) => dense(h, weight, bias, i + 1 === layers.length ? outputActivation : activation),
      joined,
    ),
  );
}

/**
 * Whether the fused kernels take them: one layout, and a last activation whose slope follows from its result, which is
 * kept of the first network alone.
 */
function alike([first, ...others]: readonly Stack[]): boolean {
  const { layers, activation, outputActivation } = first!;
  if (outputActivation === 'mish' || outputActivation === 'silu') return false;
  return others.every(
    other =>
      outputActivation === 'linear' &&
      other.outputActivation === 'linear' &&
      other.activation === activation &&
      other.layers.length === layers.length &&
      other.layers.every(({ weight: { shape } }, i) => {
        const [fanIn, fanOut] = layers[i]!.weight.shape;
        return shape[0] === fanIn && shape[1] === fanOut;
      }),
  );
}

const listed = new WeakMap<readonly Stack[], readonly Tensor[]>();

/** Weight and bias of each layer of each network. */
function parametersOf(nets: readonly Stack[]): readonly Tensor[] {
  const known = listed.get(nets);
  if (known) return known;
  const all = nets.flatMap(net => net.layers.flatMap(({ weight, bias }) => [weight, bias]));
  listed.set(nets, all);
  return all;
}

const thunk = (tensor: Tensor) => () => tensor;

/**
 * From the gradients of all results to those of the input's parts, all weights and biases. `x` is the input, or its first
 * part: what the parts make together is kept beside `y`, the first result.
 */
function gradients(dys: Tensor[], [x, y]: Tensor[], { nets, widths }: MlpAttributes): (() => Tensor)[] {
  const count = nets.length * nets[0]!.layers.length;
  // An optimizer wants the gradients of all weights; a critic that only passes the gradient on to a policy's action, of
  // none. Where it is not known, a weight's is computed when asked for.
  const trained = isTrained(parametersOf(nets));
  const all = runFused('MlpBackward', [x!, y!, ...dys], { nets, widths, trained });
  const toInput = widths.map((_, part) => () => runFused('MlpInput', [all[0]!], { nets, widths, part })[0]!);
  if (trained === false) return [...toInput, ...new Array<() => never>(2 * count).fill(unasked)];
  const biases = all.slice(2, 2 + count);
  const weight = (i: number) =>
    trained
      ? thunk(all[2 + count + i]!)
      : () => runFused('MlpWeight', [x!, y!, all[1]!], { nets, widths, index: i })[0]!;
  return [...toInput, ...biases.flatMap((bias, i) => [weight(i), thunk(bias)])];
}

function unasked(): never {
  throw new Error('mlp: a gradient was said not to be wanted, and was asked for');
}

tf.registerGradient({
  kernelName: 'Mlp',
  inputsToSave: ['0'],
  outputsToSave: [true],
  gradFunc: (dy, saved, attributes) =>
    gradients([dy].flat(), saved, attributes as unknown as MlpAttributes) as unknown as Gradients,
});
