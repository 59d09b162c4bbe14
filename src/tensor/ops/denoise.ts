import { type AcceleratedBackend, accelerated } from '../../backend/accelerated.ts';
import { parametersFor } from '../../backend/few.ts';
import { activationCode } from '../../backend/library.ts';
import { type Tensor, type Tensor1D, type Tensor2D, tf } from '../tf.ts';
import { type Activation, dense } from './dense.ts';

/** One linear layer as the fused ops take it: weight [in, out], bias [out]. */
export interface Layer {
  readonly weight: Tensor2D;
  readonly bias: Tensor1D;
}

/** ε(x, e, s) = body([x, e, s]): `activation` after every layer but the last. */
export interface DenoiserBody {
  readonly layers: readonly Layer[];
  readonly activation: Activation;
}

/**
 * Coefficients of the reverse chain, one row for each of its calls in the order of execution [calls, 5]:
 * recip, recipm1, coef0, coefX, sigma. With e = ε(x, embedding, s):
 *   x₀ = clip(recip · x − recipm1 · e, −1, 1);   x ← coef0 · x₀ + coefX · x + sigma · ξ
 */
export type ChainCoefficients = Float32Array;

export interface DenoiseArgs {
  readonly body: DenoiserBody;
  /** Embedded time of each call, in the order of execution [calls, E]. */
  readonly embeddings: Tensor2D;
  readonly observations: Tensor2D; // [B, S]
  /** K: rows k·B + b of the noise and of the result belong to observation b. */
  readonly candidates: number;
  readonly coefficients: ChainCoefficients;
  readonly initialNoise: Tensor2D; // [K·B, A]
  readonly stepNoise: Tensor; // [calls, K·B, A]
}

/** The whole sampling chain, forward only: actions [K·B, A], clipped to [−1, 1] at the end. */
export function denoise(args: DenoiseArgs): Tensor2D {
  const backend = accelerated();
  return backend ? fused(backend, args) : definition(args);
}

/** The chain tile by tile, activations staying in the cache; the states' part of layer 1 once per state. */
function fused(backend: AcceleratedBackend, args: DenoiseArgs): Tensor2D {
  const { body, observations, candidates, coefficients, embeddings, initialNoise, stepNoise } = args;
  const [rows, actDim] = initialNoise.shape;
  const [calls, embedding] = embeddings.shape;
  const [batch, obsDim] = observations.shape;
  const sizes = layerSizes(body.layers);
  if (rows !== batch * candidates || sizes[0] !== actDim + embedding + obsDim || sizes.at(-1) !== actDim)
    throw new Error(`denoise: ${rows} rows of ${actDim} for ${candidates} × [${observations.shape}], layers ${sizes}`);
  if (stepNoise.size !== calls * rows * actDim || coefficients.length !== 5 * calls)
    throw new Error(`denoise: noise [${stepNoise.shape}], ${coefficients.length} coefficients for ${calls} calls`);
  const { info, values } = backend.output([rows, actDim]);
  const inputs = [initialNoise, stepNoise, observations, embeddings].map(t => backend.values(t));
  backend.run(
    'denoise',
    [values, ...inputs, coefficients, ...parametersFor(backend, 'denoise', rows, body.layers)],
    [
      body.layers.length,
      activationCode[body.activation],
      batch,
      candidates,
      actDim,
      embedding,
      obsDim,
      calls,
      ...sizes,
    ],
  );
  return tf.engine().makeTensorFromTensorInfo(info) as Tensor2D;
}

/** Input, hidden and output sizes of a stack of layers. */
export function layerSizes(layers: readonly Layer[]): number[] {
  return [layers[0]!.weight.shape[0], ...layers.map(({ weight }) => weight.shape[1])];
}

/** What `denoise` means; differentiable. `apply`: what the network makes of [x, e, s]. */
export function definition(args: DenoiseArgs, apply = (parts: Tensor2D[]) => applyBody(args.body, parts)): Tensor2D {
  return tf.tidy(() => {
    const { observations, candidates, coefficients, embeddings } = args;
    const rows = args.initialNoise.shape[0];
    const calls = embeddings.shape[0];
    const s = tf.tile(observations, [candidates, 1]);
    const times = tf.split(embeddings, calls);
    let x = args.initialNoise;
    for (let call = 0; call < calls; call++) {
      const [recip, recipm1, coef0, coefX, sigma] = coefficients.subarray(5 * call, 5 * call + 5);
      // Not tf.tile, whose gradient is a slice and an addition for each of the rows.
      const e = tf.add<Tensor2D>(tf.zeros([rows, 1]), times[call]!);
      const eps = apply([x, e, s]);
      const x0 = tf.clipByValue(tf.sub(tf.mul(x, recip!), tf.mul(eps, recipm1!)), -1, 1);
      const mean = tf.add(tf.mul(x0, coef0!), tf.mul(x, coefX!));
      const noise = tf.slice(args.stepNoise, [call, 0, 0], [1, -1, -1]).reshape<typeof mean>(x.shape as never);
      x = sigma === 0 ? (mean as Tensor2D) : (tf.add(mean, tf.mul(noise, sigma!)) as Tensor2D);
    }
    return tf.clipByValue(x, -1, 1);
  });
}

function applyBody(body: DenoiserBody, parts: Tensor2D[]): Tensor2D {
  const last = body.layers.length - 1;
  return body.layers.reduce(
    (h, { weight, bias }, i) => dense(h, weight, bias, i === last ? 'linear' : body.activation),
    tf.concat2d(parts, 1),
  );
}
