import { type AcceleratedBackend, accelerated } from '../../backend/accelerated.ts';
import { activationCode } from '../../backend/library.ts';
import { type Tensor2D, tf } from '../tf.ts';
import { type DenoiserBody, layerSizes } from './denoise.ts';
import { type Activation, dense } from './dense.ts';

/**
 * A network on [s, x] without a gradient, for many x per state: states [B, S], x [K·B, X], row k·B + b of x belongs to
 * state b → [K·B, out]. The states' part of layer 1 is computed once per state, and activations stay in the cache.
 */
export function forward(body: DenoiserBody, states: Tensor2D, x: Tensor2D): Tensor2D {
  const backend = accelerated();
  return backend ? fused(backend, body, states, x) : definition(body, states, x);
}

function fused(backend: AcceleratedBackend, { layers, activation }: DenoiserBody, states: Tensor2D, x: Tensor2D) {
  const [batch, stateDim] = states.shape;
  const [rows, xDim] = x.shape;
  const sizes = layerSizes(layers);
  if (rows % batch !== 0 || sizes[0] !== stateDim + xDim)
    throw new Error(`forward: x [${x.shape}] and states [${states.shape}] into layers of ${sizes}`);
  const { info, values } = backend.output([rows, sizes.at(-1)!]);
  backend.run(
    'forward',
    [
      values,
      backend.values(x),
      backend.values(states),
      ...layers.flatMap(layer => [backend.values(layer.weight), backend.values(layer.bias)]),
    ],
    [layers.length, activationCode[activation], 0, batch, rows / batch, xDim, stateDim, 0, ...sizes],
  );
  return tf.engine().makeTensorFromTensorInfo(info) as Tensor2D;
}

/** A stack of layers as the fused ops take it, with its own last activation. */
export interface Stack extends DenoiserBody {
  readonly outputActivation: Activation;
}

/** Rows up to which a stack without a gradient is one call: beyond, arithmetic outweighs the calls. */
const FEW = 64;

/** [B, in] → [B, out] through a stack of dense layers; differentiable. */
export function applyStack({ layers, activation, outputActivation }: Stack, x: Tensor2D): Tensor2D {
  const backend = accelerated();
  if (backend && x.shape[0] <= FEW && !tf.engine().isTapeOn()) {
    return stackInOneCall(backend, { layers, activation, outputActivation }, x);
  }
  const last = layers.length - 1;
  return layers.reduce(
    (h, { weight, bias }, i) => dense(h, weight, bias, i === last ? outputActivation : activation),
    x,
  );
}

/** The states' part of `forward` is all of it: no columns of the row's own. */
function stackInOneCall(backend: AcceleratedBackend, { layers, activation, outputActivation }: Stack, x: Tensor2D) {
  const [batch, fanIn] = x.shape;
  const sizes = layerSizes(layers);
  if (sizes[0] !== fanIn) throw new Error(`x [${x.shape}] into layers of ${sizes}`);
  const { info, values } = backend.output([batch, sizes.at(-1)!]);
  const input = backend.values(x);
  backend.run(
    'forward',
    [values, input, input, ...layers.flatMap(layer => [backend.values(layer.weight), backend.values(layer.bias)])],
    [layers.length, activationCode[activation], activationCode[outputActivation], batch, 1, 0, fanIn, 0, ...sizes],
  );
  return tf.engine().makeTensorFromTensorInfo(info) as Tensor2D;
}

/** What `forward` means. */
export function definition({ layers, activation }: DenoiserBody, states: Tensor2D, x: Tensor2D): Tensor2D {
  return tf.tidy(() => {
    const last = layers.length - 1;
    const tiled = tf.tile(states, [x.shape[0] / states.shape[0], 1]);
    return layers.reduce(
      (h, { weight, bias }, i) => dense(h, weight, bias, i === last ? 'linear' : activation),
      tf.concat2d([tiled, x], 1),
    );
  });
}
