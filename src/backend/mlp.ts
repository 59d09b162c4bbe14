import type { TensorInfo } from '../tensor/tf.ts';
import type { AcceleratedBackend } from './accelerated.ts';
import type { Activation } from './activation.ts';
import type { KernelCall, KernelFunction } from './elementwise.ts';
import { isFew, parametersFor } from './few.ts';
import { activationCode } from './library.ts';

/** What `Stack` of `tensor/ops/mlp.ts` is here: linear layers, weight [in, out], and what follows them. */
interface Stack {
  readonly layers: readonly { readonly weight: TensorInfo; readonly bias: TensorInfo }[];
  readonly activation: Activation;
  readonly outputActivation: Activation;
}

/** The integers that begin each call of `kernels/mlp.h`. */
function header(nets: readonly Stack[], rows: number, packed = false): number[] {
  const [{ layers, activation, outputActivation }] = nets as [Stack];
  const sizes = [layers[0]!.weight.shape[0]!, ...layers.map(({ weight }) => weight.shape[1]!)];
  const codes = [activationCode[activation], activationCode[outputActivation]];
  return [nets.length, layers.length, ...codes, rows, packed ? 1 : 0, ...sizes];
}

/** Numbers that the forward pass keeps for the backward pass: `Mlp::saved` of `kernels/mlp.h`. */
function savedSize(nets: readonly Stack[], rows: number): number {
  const [{ layers, activation }] = nets as [Stack];
  const hidden = layers.slice(1).reduce((sum, { weight }) => sum + weight.shape[0]!, 0);
  return nets.length * rows * hidden * (activation === 'mish' || activation === 'silu' ? 2 : 1);
}

/** `Mlp`: x through each network. What the gradient needs is attached to the first result. */
const forward: KernelFunction = (backend, { inputs, attrs }) => {
  const { nets, keep, flat } = attrs as { nets: readonly Stack[]; keep: boolean; flat: boolean };
  const x = inputs[0 as never] as TensorInfo;
  const rows = x.shape[0]!;
  const shape = flat ? [rows] : [rows, nets[0]!.layers.at(-1)!.weight.shape[1]!];
  const results = nets.map(() => backend.output(shape));
  const saved = keep ? backend.attach(results[0]!.info, savedSize(nets, rows)) : null;
  const packed = isFew(rows) && !keep; // with a gradient the weights are about to change
  const own = nets.flatMap(({ layers }, i) => [
    results[i]!.values,
    ...(packed
      ? parametersFor(backend, rows, layers)
      : layers.flatMap(({ weight, bias }) => [backend.values(weight), backend.values(bias)])),
  ]);
  backend.run('mlpForward', [backend.values(x), saved, ...own], header(nets, rows, packed));
  return results.map(({ info }) => info);
};

/** The inputs of a call that has them as an array. */
const listed = ({ inputs }: KernelCall) => inputs as unknown as readonly TensorInfo[];

const savedOf = (backend: AcceleratedBackend, y: TensorInfo): Float32Array => backend.attached(y)!;

/** `MlpBackward`: from the results and their gradients to those of all layers' arguments, the first layers', and biases. */
const backward: KernelFunction = (backend, call) => {
  const { nets } = call.attrs as { nets: readonly Stack[] };
  const tensors = listed(call);
  const ys = tensors.slice(0, nets.length);
  const dys = tensors.slice(nets.length);
  const rows = ys[0]!.shape[0]!;
  const [{ layers }] = nets as [Stack];
  const panels = layers.reduce((sum, { weight }) => sum + 32 * Math.ceil(weight.shape[1]! / 32), 0);
  const gradients = backend.output([nets.length * rows * panels]);
  const first = backend.output([nets.length, rows, layers[0]!.weight.shape[1]!]);
  const biases = nets.map(net => net.layers.map(({ bias }) => backend.output(bias.shape)));
  const own = nets.flatMap((net, i) => [
    backend.values(ys[i]!),
    backend.values(dys[i]!),
    ...net.layers.flatMap(({ weight }, l) => [backend.values(weight), biases[i]![l]!.values]),
  ]);
  backend.run('mlpBackward', [savedOf(backend, ys[0]!), gradients.values, first.values, ...own], header(nets, rows));
  return [gradients.info, first.info, ...biases.flat().map(({ info }) => info)];
};

/** `MlpWeight`: the gradient of one weight. */
const weight: KernelFunction = (backend, call) => {
  const { nets, net, layer } = call.attrs as { nets: readonly Stack[]; net: number; layer: number };
  const [x, y, gradients] = listed(call) as [TensorInfo, TensorInfo, TensorInfo];
  const { info, values } = backend.output(nets[net]!.layers[layer]!.weight.shape);
  const buffers = [backend.values(x), savedOf(backend, y), backend.values(gradients), values];
  backend.run('mlpWeight', buffers, [net, layer + 1, ...header(nets, x.shape[0]!)]);
  return [info];
};

/** `MlpInput`: the gradient of the input, summed over the networks. */
const input: KernelFunction = (backend, call) => {
  const { nets } = call.attrs as { nets: readonly Stack[] };
  const [first] = listed(call) as [TensorInfo];
  const rows = first.shape[1]!;
  const { info, values } = backend.output([rows, nets[0]!.layers[0]!.weight.shape[0]!]);
  const weights = nets.map(({ layers }) => backend.values(layers[0]!.weight));
  backend.run('mlpInput', [backend.values(first), values, ...weights], header(nets, rows));
  return [info];
};

export const networks: Readonly<Record<string, KernelFunction>> = {
  Mlp: forward,
  MlpBackward: backward,
  MlpWeight: weight,
  MlpInput: input,
};
