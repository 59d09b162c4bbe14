import type { TensorInfo } from '../tensor/tf.ts';
import type { AcceleratedBackend } from './accelerated.ts';
import type { KernelCall, KernelFunction } from './elementwise.ts';

/** What the kernels of `kernels/block.h` are told beside their tensors. */
interface Attributes {
  readonly uniform?: TensorInfo;
  readonly rate: number;
  readonly epsilon: number;
  readonly keep: boolean;
}

const valuesOf = (backend: AcceleratedBackend, { inputs }: KernelCall) =>
  (inputs as unknown as readonly TensorInfo[]).map(tensor => backend.values(tensor));
const uniformOf = (backend: AcceleratedBackend, { uniform }: Attributes) => (uniform ? backend.values(uniform) : null);
const reals = ({ epsilon, rate }: Attributes) => [epsilon, rate];

/** `LnResBlock`: h, scale, shift, W₁, b₁, W₂, b₂ → y. What the gradient needs is attached to the result. */
const forward: KernelFunction = (backend, call) => {
  const [h, , , w1] = call.inputs as unknown as readonly TensorInfo[];
  const [rows, width] = h!.shape as [number, number];
  const inner = w1!.shape[1]!;
  const attributes = call.attrs as Attributes;
  const { info, values } = backend.output([rows, width]);
  const saved = attributes.keep ? backend.attach(info, rows * (width + 1 + inner)) : null;
  const [from, ...parameters] = valuesOf(backend, call);
  const buffers = [from!, uniformOf(backend, attributes), ...parameters, values, saved];
  backend.run('blockForward', buffers, [rows, width, inner], reals(attributes));
  return [info];
};

/** `LnResBlockGradient`: y, dy, scale, shift, W₁, W₂ → the gradients of h and of all parameters, in their order. */
const gradient: KernelFunction = (backend, call) => {
  const [y, , , , w1] = call.inputs as unknown as readonly TensorInfo[];
  const [rows, width] = y!.shape as [number, number];
  const inner = w1!.shape[1]!;
  const attributes = call.attrs as Attributes;
  const shapes = [[rows, width], [width], [width], [width, inner], [inner], [inner, width], [width]];
  const results = shapes.map(shape => backend.output(shape));
  const [, dy, ...parameters] = valuesOf(backend, call);
  const saved = backend.attached(y!)!;
  const outputs = results.map(({ values }) => values);
  const buffers = [dy!, uniformOf(backend, attributes), ...parameters, saved, ...outputs];
  backend.run('blockBackward', buffers, [rows, width, inner], reals(attributes));
  return results.map(({ info }) => info);
};

export const blocks: Readonly<Record<string, KernelFunction>> = { LnResBlock: forward, LnResBlockGradient: gradient };
