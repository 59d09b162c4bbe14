import { accelerated } from '../../backend/accelerated.ts';
import { kernelFunctions } from '../../backend/kernelFunctions.ts';
import { type NamedTensorMap, type Tensor, type TensorInfo, tf } from '../tf.ts';

/** Whether the backend in use has our kernels; else an op runs its definition. */
export function hasKernel(): boolean {
  return accelerated() !== undefined;
}

/**
 * Runs a kernel of ours, on the tape if there is one: `inputs` are what its gradient is with respect to. Without a tape it
 * is called directly, which spares most of what tfjs does for a kernel.
 */
export function runFused(name: string, inputs: readonly Tensor[], attributes: object = {}): Tensor[] {
  const engine = tf.engine();
  const backend = accelerated();
  if (!backend || engine.isTapeOn()) {
    const outputs = engine.runKernel<Tensor | Tensor[]>(name, inputs as unknown as NamedTensorMap, attributes as never);
    return Array.isArray(outputs) ? outputs : [outputs];
  }
  const results = kernelFunctions[name]!(backend, { inputs: inputs as never, backend, attrs: attributes });
  if (!results) throw new Error(`${name} has no plain kernel for this call`);
  if (!Array.isArray(results)) return [engine.makeTensorFromTensorInfo(results as TensorInfo, backend)];
  return results.map(info => engine.makeTensorFromTensorInfo(info, backend));
}

/** A gradient for each input, in their order, as `tf.registerGradient` wants them. */
export type Gradients = Record<string, () => Tensor>;
