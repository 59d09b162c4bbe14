import { type NamedTensorMap, type Tensor, tf } from '../tf.ts';

/** Whether the backend in use has a kernel of ours; else an op runs its definition. */
export function hasKernel(name: string): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/** Runs a kernel of ours, on the tape if there is one: `inputs` are what its gradient is with respect to. */
export function runFused(name: string, inputs: readonly Tensor[], attributes: object = {}): Tensor[] {
  return tf.engine().runKernel<Tensor[]>(name, inputs as unknown as NamedTensorMap, attributes as never);
}

/** A gradient for each input, in their order, as `tf.registerGradient` wants them. */
export type Gradients = Record<string, () => Tensor>;
