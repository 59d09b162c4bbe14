import { type TensorInfo, tf } from '../tensor/tf.ts';
import { type AcceleratedBackend, sizeOf } from './accelerated.ts';
import type { Activation } from './activation.ts';
import type { KernelCall, KernelFunction } from './elementwise.ts';
import { activationCode } from './library.ts';

/** [..., M, K] · [..., K, N], either transposed; batches broadcast only as one against many. */
function product(
  backend: AcceleratedBackend,
  { inputs, attrs }: KernelCall,
  bias: Float32Array | null,
  activation: number,
): TensorInfo | undefined {
  const { a, b } = inputs as { a: TensorInfo; b: TensorInfo };
  const { transposeA = false, transposeB = false } = attrs;
  if (a.dtype !== 'float32' || b.dtype !== 'float32') return undefined;
  const [aBatch, bBatch] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const [aCount, bCount] = [sizeOf(aBatch), sizeOf(bBatch)];
  const sameBatch = aBatch.length === bBatch.length && aBatch.every((n, i) => n === bBatch[i]);
  if (!sameBatch && aCount !== 1 && bCount !== 1) return undefined;
  const [a0, a1] = a.shape.slice(-2) as [number, number];
  const [b0, b1] = b.shape.slice(-2) as [number, number];
  const [M, K] = transposeA ? [a1, a0] : [a0, a1];
  const [K2, N] = transposeB ? [b1, b0] : [b0, b1];
  if (K !== K2) throw new Error(`matMul: inner sizes ${K} and ${K2} of [${a.shape}] and [${b.shape}] differ`);
  const batch = Math.max(aCount, bCount);
  const { info, values } = backend.output([...tf.backend_util.assertAndGetBroadcastShape(aBatch, bBatch), M, N]);
  if (values.length === 0) return info;
  const strides = [aCount === 1 ? 0 : M * K, bCount === 1 ? 0 : K * N];
  const flags = [transposeA ? 1 : 0, transposeB ? 1 : 0];
  backend.run(
    'matMul',
    [backend.values(a), backend.values(b), values, bias],
    [batch, M, N, K, ...flags, ...strides, activation],
  );
  return info;
}

const batchMatMul: KernelFunction = (backend, call) => product(backend, call, null, 0);

const fusedActivations: Readonly<Record<string, number>> = { linear: 0, relu: activationCode.relu };

const fusedMatMul: KernelFunction = (backend, call) => {
  const { bias, preluActivationWeights } = call.inputs;
  const activation = fusedActivations[call.attrs.activation ?? 'linear'];
  const columns = call.inputs.b!.shape.at(call.attrs.transposeB ? -2 : -1);
  if (activation === undefined || preluActivationWeights) return undefined;
  if (bias && (bias.dtype !== 'float32' || sizeOf(bias.shape) !== columns)) return undefined;
  return product(backend, call, bias ? backend.values(bias) : null, activation);
};

/** `Dense`: activation(x W + b). Where the gradient will want the activation's argument, it is attached to the result. */
const dense: KernelFunction = (backend, { inputs, attrs }) => {
  const { x, weight, bias } = inputs as Record<'x' | 'weight' | 'bias', TensorInfo>;
  const { activation, keepArgument } = attrs as { activation: Activation; keepArgument: boolean };
  const [batch, fanIn] = x.shape as [number, number];
  const fanOut = weight.shape[1]!;
  const { info, values } = backend.output([batch, fanOut]);
  const argument = keepArgument ? backend.attach(info) : null;
  backend.run(
    'denseForward',
    [backend.values(x), backend.values(weight), backend.values(bias), values, argument],
    [batch, fanIn, fanOut, activationCode[activation]],
  );
  return info;
};

/** `DenseGradient`: from x, the result y and dy to [dz, dWeight, dBias]; dx = dz · Wᵀ. */
const denseGradient: KernelFunction = (backend, { inputs, attrs }) => {
  const { x, y, dy } = inputs as Record<'x' | 'y' | 'dy', TensorInfo>;
  const { activation } = attrs as { activation: Activation };
  const [batch, fanIn] = x.shape as [number, number];
  const fanOut = y.shape[1]!;
  const dWeight = backend.output([fanIn, fanOut]);
  const dBias = backend.output([fanOut]);
  const dz = backend.output(y.shape);
  const linear = activation === 'linear';
  if (linear) dz.values.set(backend.values(dy));
  backend.run(
    'denseBackward',
    [
      backend.values(x),
      linear ? null : (backend.attached(y) ?? backend.values(y)),
      backend.values(dy),
      linear ? null : dz.values,
      dWeight.values,
      dBias.values,
    ],
    [batch, fanIn, fanOut, activationCode[activation]],
  );
  return [dz.info, dWeight.info, dBias.info];
};

export const products: Readonly<Record<string, KernelFunction>> = {
  BatchMatMul: batchMatMul,
  _FusedMatMul: fusedMatMul,
  Dense: dense,
  DenseGradient: denseGradient,
};
