import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../tf.ts';
import type { DenoiserBody } from './denoise.ts';
import { type Activation, dense } from './dense.ts';
import { type Gradients, hasKernel, runFused } from './fused.ts';

/** A stack of dense layers: `activation` after each but the last, `outputActivation` after that. */
export interface Stack extends DenoiserBody {
  readonly outputActivation: Activation;
}

/** What the kernels `Mlp…` are told beside their tensors. The weights are variables: they outlive the tape. */
export interface MlpAttributes {
  readonly nets: readonly Stack[];
  /** Keep what the gradient needs. */
  readonly keep: boolean;
  /** Results of one column as vectors. */
  readonly flat: boolean;
}

/** As many networks in one call as the gradient can keep results of. */
const MOST = 8;

/** x [B, in] through each of some stacks of the same layout → [B, out] of each; differentiable, in one call. */
export function mlp(nets: readonly Stack[], x: Tensor2D): Tensor2D[] {
  return fused(nets, x, false) ?? definition(nets, x);
}

/** As `mlp`, for networks of one output: [B] of each. */
export function mlpValues(nets: readonly Stack[], x: Tensor2D): Tensor1D[] {
  return fused(nets, x, true) ?? definition(nets, x).map(y => y.reshape([-1]));
}

function fused<T extends Tensor>(nets: readonly Stack[], x: Tensor2D, flat: boolean): T[] | undefined {
  if (!hasKernel('Mlp') || !alike(nets)) return undefined;
  const [{ layers }] = nets as [Stack];
  if (x.shape[1] !== layers[0]!.weight.shape[0])
    throw new Error(`mlp: x [${x.shape}] into a first weight [${layers[0]!.weight.shape}]`);
  const inputs = [x, ...nets.flatMap(net => net.layers.flatMap(({ weight, bias }) => [weight, bias]))];
  const attributes: MlpAttributes = { nets, keep: tf.engine().isTapeOn(), flat };
  return runFused('Mlp', inputs, attributes) as T[];
}

/** What `mlp` means. */
export function definition(nets: readonly Stack[], x: Tensor2D): Tensor2D[] {
  return nets.map(({ layers, activation, outputActivation }) =>
    layers.reduce(
      (h, { weight, bias }, i) => dense(h, weight, bias, i + 1 === layers.length ? outputActivation : activation),
      x,
    ),
  );
}

/** Whether the fused kernels take them: one layout, and a last activation whose slope follows from its result. */
function alike(nets: readonly Stack[]): boolean {
  const [first] = nets as [Stack];
  return (
    nets.length <= MOST &&
    first.outputActivation !== 'mish' &&
    first.outputActivation !== 'silu' &&
    nets.every(
      ({ layers, activation, outputActivation }) =>
        activation === first.activation &&
        outputActivation === first.outputActivation &&
        layers.length === first.layers.length &&
        layers.every(({ weight: { shape } }, i) => {
          const [fanIn, fanOut] = first.layers[i]!.weight.shape;
          return shape[0] === fanIn && shape[1] === fanOut;
        }),
    )
  );
}

tf.registerGradient({
  kernelName: 'Mlp',
  inputsToSave: ['0'],
  outputsToSave: new Array<boolean>(MOST).fill(true),
  gradFunc: (dy, [x, ...ys], attributes) => {
    const { nets } = attributes as unknown as MlpAttributes;
    // What every gradient is made of. A weight's own, and the input's, are computed where they are asked for: a critic
    // that only passes the gradient on to a policy's action costs no more than that.
    const [gradients, first, ...biases] = runFused('MlpBackward', [...ys, ...[dy].flat()], { nets });
    const weights = nets.flatMap(({ layers }, net) =>
      layers.flatMap((_, layer) => [
        () => runFused('MlpWeight', [x!, ys[0]!, gradients!], { nets, net, layer })[0]!,
        () => biases[net * layers.length + layer]!,
      ]),
    );
    return [() => runFused('MlpInput', [first!], { nets })[0]!, ...weights] as unknown as Gradients;
  },
});
