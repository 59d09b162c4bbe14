import { accelerated } from '../../backend/accelerated.ts';
import { type NamedTensorMap, type Tensor, tf } from '../tf.ts';

/** Whether the backend in use has our kernels; else an op runs its definition. */
export function hasKernel(): boolean {
  return accelerated() !== undefined;
}

/** Runs a kernel of ours, on a backend that has it: `inputs` are what its gradient is with respect to. */
export function runFused(name: string, inputs: readonly Tensor[], attributes: object = {}): Tensor[] {
  const named = inputs as unknown as NamedTensorMap;
  const outputs = tf.engine().runKernel<Tensor | Tensor[]>(name, named, attributes as never);
  return Array.isArray(outputs) ? outputs : [outputs];
}

/** A gradient for each input, in their order, as `tf.registerGradient` wants them. */
export type Gradients = Record<string, () => Tensor>;
