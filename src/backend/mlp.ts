import type { TensorInfo } from '../tensor/tf.ts';
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

interface Attributes {
  readonly nets: readonly Stack[];
  /** Widths of the input's parts. */
  readonly widths: readonly number[];
}

/** The integers that begin each call of `kernels/mlp.h`. */
function header({ nets, widths }: Attributes, rows: number, packed = false): number[] {
  const [{ layers, activation, outputActivation }] = nets as [Stack];
  const codes = [activationCode[activation], activationCode[outputActivation]];
  const ints = [nets.length, layers.length, ...codes, rows, packed ? 1 : 0, widths.length, ...widths];
  ints.push(layers[0]!.weight.shape[0]!);
  for (const { weight } of layers) ints.push(weight.shape[1]!);
  return ints;
}

/** Numbers that the forward pass keeps for the backward pass: `Mlp::saved` and `savedInput` of `kernels/mlp.h`. */
function savedSize({ nets, widths }: Attributes, rows: number): number {
  const [{ layers, activation }] = nets as [Stack];
  const hidden = layers.slice(1).reduce((sum, { weight }) => sum + weight.shape[0]!, 0);
  const each = hidden * (activation === 'mish' || activation === 'silu' ? 2 : 1);
  return rows * (nets.length * each + (widths.length > 1 ? layers[0]!.weight.shape[0]! : 0));
}

/** `Mlp`: the input's parts through each network. What the gradient needs is attached to the first result. */
const forward: KernelFunction = (backend, call) => {
  const attributes = call.attrs as Attributes & { keep: boolean; flat: boolean };
  const { nets, widths, keep, flat } = attributes;
  const parts = listed(call).slice(0, widths.length);
  const rows = parts[0]!.shape[0]!;
  const shape = flat ? [rows] : [rows, nets[0]!.layers.at(-1)!.weight.shape[1]!];
  const results = nets.map(() => backend.output(shape));
  const saved = keep ? backend.attach(results[0]!.info, savedSize(attributes, rows)) : null;
  const packed = isFew(rows) && !keep; // with a gradient the weights are about to change
  const buffers = [...parts.map(part => backend.values(part)), saved];
  nets.forEach(({ layers }, i) => {
    buffers.push(results[i]!.values);
    if (packed) buffers.push(...parametersFor(backend, 'mlpForward', rows, layers));
    else for (const { weight, bias } of layers) buffers.push(backend.values(weight), backend.values(bias));
  });
  backend.run('mlpForward', buffers, header(attributes, rows, packed));
  return results.map(({ info }) => info);
};

/** The inputs of a call that has them as an array. */
const listed = ({ inputs }: KernelCall) => inputs as unknown as readonly TensorInfo[];

/**
 * `MlpBackward`: from the input, the first result and the gradients of all results to the gradients of the first layers'
 * arguments; then, unless `trained` is false, those of all arguments and biases; then, if it is true, those of weights.
 */
const backward: KernelFunction = (backend, call) => {
  const attributes = call.attrs as Attributes & { trained: boolean | undefined };
  const { nets, trained } = attributes;
  const [x, y, ...dys] = listed(call) as [TensorInfo, TensorInfo, ...TensorInfo[]];
  const rows = y.shape[0]!;
  const [{ layers, outputActivation }] = nets as [Stack];
  const saved = backend.attached(y)!;
  const first = backend.output([nets.length, rows, layers[0]!.weight.shape[1]!]);
  const panels = layers.reduce((sum, { weight }) => sum + 32 * Math.ceil(weight.shape[1]! / 32), 0);
  const gradients = trained === false ? undefined : backend.output([nets.length * rows * panels]);
  const all = nets.flatMap(net => net.layers);
  const biases = gradients ? all.map(({ bias }) => backend.output(bias.shape)) : [];
  const buffers = [saved, gradients?.values ?? null, first.values];
  nets.forEach((net, i) => {
    buffers.push(outputActivation === 'linear' ? null : backend.values(y), backend.values(dys[i]!));
    net.layers.forEach(({ weight }, l) => {
      buffers.push(backend.values(weight), biases[i * layers.length + l]?.values ?? null);
    });
  });
  const ints = header(attributes, rows);
  backend.run('mlpBackward', buffers, ints);
  if (!gradients) return [first.info];
  const weights = trained ? all.map(({ weight }) => backend.output(weight.shape)) : [];
  if (trained) {
    const outputs = weights.map(({ values }) => values);
    backend.run('mlpWeights', [backend.values(x), saved, gradients.values, ...outputs], ints);
  }
  return [first, gradients, ...biases, ...weights].map(({ info }) => info);
};

/** `MlpWeight`: the gradient of one weight, by its number among those of all networks. */
const weight: KernelFunction = (backend, call) => {
  const attributes = call.attrs as Attributes & { index: number };
  const [x, y, gradients] = listed(call) as [TensorInfo, TensorInfo, TensorInfo];
  const layers = attributes.nets.flatMap(net => net.layers);
  const { info, values } = backend.output(layers[attributes.index]!.weight.shape);
  const outputs = layers.map((_, i) => (i === attributes.index ? values : null));
  const buffers = [backend.values(x), backend.attached(y)!, backend.values(gradients), ...outputs];
  backend.run('mlpWeights', buffers, header(attributes, y.shape[0]!));
  return [info];
};

/** `MlpInput`: the gradient of one part of the input, summed over the networks. */
const input: KernelFunction = (backend, call) => {
  const attributes = call.attrs as Attributes & { part: number };
  const { nets, widths, part } = attributes;
  const [first] = listed(call) as [TensorInfo];
  const rows = first.shape[1]!;
  const { info, values } = backend.output([rows, widths[part]!]);
  const weights = nets.map(({ layers }) => backend.values(layers[0]!.weight));
  backend.run('mlpInput', [backend.values(first), values, ...weights], [part, ...header(attributes, rows)]);
  return [info];
};

export const networks: Readonly<Record<string, KernelFunction>> = {
  Mlp: forward,
  MlpBackward: backward,
  MlpWeight: weight,
  MlpInput: input,
};
