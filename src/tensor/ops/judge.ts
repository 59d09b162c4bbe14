import { type AcceleratedBackend, accelerated } from '../../backend/accelerated.ts';
import { parametersFor } from '../../backend/few.ts';
import { activationCode } from '../../backend/library.ts';
import { type Tensor1D, type Tensor2D, tf } from '../tf.ts';
import { type DenoiserBody, layerSizes } from './denoise.ts';
import { dense } from './dense.ts';

/**
 * min_i Q_i([state, x]) of networks of one output, without a gradient, for K rows x per state: states [B, S], x [K·B, X],
 * row k·B + b of x belongs to state b → [B, K]. The states' part of layer 1 is computed once per state, and activations
 * stay in the cache.
 */
export function judgeRows(nets: readonly DenoiserBody[], states: Tensor2D, x: Tensor2D): Tensor2D {
  const backend = accelerated();
  return backend ? judgeFused(backend, nets, states, x) : judgeDefinition(nets, states, x);
}

function judgeFused(backend: AcceleratedBackend, nets: readonly DenoiserBody[], states: Tensor2D, x: Tensor2D) {
  const [{ layers, activation }] = nets as [DenoiserBody];
  const [batch, stateDim] = states.shape;
  const [rows, xDim] = x.shape;
  const sizes = layerSizes(layers);
  if (rows % batch !== 0 || sizes[0] !== stateDim + xDim || sizes.at(-1) !== 1)
    throw new Error(`judge: x [${x.shape}] and states [${states.shape}] into layers of ${sizes}`);
  const { info, values } = backend.output([batch, rows / batch]);
  backend.run(
    'judge',
    [
      values,
      backend.values(x),
      backend.values(states),
      ...nets.flatMap(net => parametersFor(backend, 'judge', rows, net.layers)),
    ],
    [nets.length, layers.length, activationCode[activation], batch, rows / batch, xDim, stateDim, 0, ...sizes],
  );
  return tf.engine().makeTensorFromTensorInfo(info) as Tensor2D;
}

/** What `judgeRows` means. */
export function judgeDefinition(nets: readonly DenoiserBody[], states: Tensor2D, x: Tensor2D): Tensor2D {
  return tf.tidy(() => {
    const [batch, candidates] = [states.shape[0], x.shape[0] / states.shape[0]];
    const input = tf.concat2d([tf.tile(states, [candidates, 1]), x], 1);
    const [first, ...others] = nets.map(({ layers, activation }) =>
      layers.reduce((h, { weight, bias }, i) => {
        return dense(h, weight, bias, i + 1 === layers.length ? 'linear' : activation);
      }, input),
    );
    const q = others.reduce((least, other) => tf.minimum(least, other), first!);
    return tf.transpose(tf.reshape(q, [candidates, batch]));
  });
}

/** For each state the row x of largest q, the first of equals: q [B, K], x [K·B, X] → rows [B, X] and their q [B]. */
export function bestRows(q: Tensor2D, x: Tensor2D): { rows: Tensor2D; q: Tensor1D } {
  const backend = accelerated();
  return backend ? bestFused(backend, q, x) : bestDefinition(q, x);
}

function bestFused(backend: AcceleratedBackend, q: Tensor2D, x: Tensor2D) {
  const [batch, candidates] = q.shape;
  const xDim = x.shape[1];
  const rows = backend.output([batch, xDim]);
  const values = backend.output([batch]);
  const buffers = [backend.values(q), backend.values(x), rows.values, values.values];
  backend.run('bestRows', buffers, [batch, candidates, xDim]);
  const [chosen, largest] = [rows, values].map(({ info }) => tf.engine().makeTensorFromTensorInfo(info));
  return { rows: chosen as Tensor2D, q: largest as Tensor1D };
}

/** What `bestRows` means. */
export function bestDefinition(q: Tensor2D, x: Tensor2D): { rows: Tensor2D; q: Tensor1D } {
  const batch = q.shape[0];
  const row = tf
    .argMax(q, 1)
    .mul(tf.scalar(batch, 'int32'))
    .add(tf.range(0, batch, 1, 'int32'));
  return { rows: tf.gather(x, row as Tensor1D), q: tf.max(q, 1) };
}
