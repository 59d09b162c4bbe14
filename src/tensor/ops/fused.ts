import { type AcceleratedBackend, accelerated } from '../../backend/accelerated.ts';
import { kernelFunctions } from '../../backend/kernelFunctions.ts';
import { tapeState } from '../tape.ts';
import { type NamedTensorMap, type Tensor, type TensorInfo, tf } from '../tf.ts';

/** Whether the backend in use has our kernels; else an op runs its definition. */
export function hasKernel(): boolean {
  return accelerated() !== undefined;
}

/**
 * Runs a kernel of ours, on a backend that has it, and writes it on the tape if there is one: `inputs` are what its
 * gradient is with respect to. tfjs's own way of doing both is most of what a small kernel costs.
 */
export function runFused(name: string, inputs: readonly Tensor[], attributes: object = {}): Tensor[] {
  const engine = tf.engine();
  const backend = accelerated()!;
  const results = kernelFunctions[name]!(backend, { inputs: inputs as never, backend, attrs: attributes });
  if (!results) throw new Error(`${name} has no plain kernel for this call`);
  const outputs: Tensor[] = [];
  if (!Array.isArray(results)) outputs.push(engine.makeTensorFromTensorInfo(results as TensorInfo, backend));
  else for (const info of results) outputs.push(engine.makeTensorFromTensorInfo(info, backend));
  if (engine.isTapeOn()) record(backend, name, inputs, outputs, attributes);
  return outputs;
}

/** As tfjs does, but that what the gradient needs is saved as further owners of the same numbers, without a kernel. */
function record(
  backend: AcceleratedBackend,
  kernelName: string,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  attributes: object,
): void {
  const engine = tf.engine();
  const state = tapeState();
  const { inputsToSave = [], saveAllInputs, outputsToSave = [], gradFunc } = tf.getGradient(kernelName);
  const saved: Tensor[] = [];
  const save = (tensor: Tensor) => {
    backend.incRef(tensor.dataId);
    saved.push(tf.keep(engine.makeTensorFromTensorInfo(tensor, backend)));
  };
  if (saveAllInputs) inputs.forEach(save);
  else for (const index of inputsToSave) save(inputs[Number(index)]!);
  for (let i = 0; i < outputs.length; i++) if (outputsToSave[i]) save(outputs[i]!);
  state.activeTape!.push({
    id: state.nextTapeNodeId++,
    kernelName,
    inputs: inputs as unknown as NamedTensorMap,
    outputs,
    saved,
    gradient: given => {
      const dys = given.map((dy, i) => dy ?? tf.zeros(outputs[i]!.shape));
      return gradFunc((dys.length > 1 ? dys : dys[0]) as Tensor, saved, attributes as never);
    },
  });
}

/** A gradient for each input, in their order, as `tf.registerGradient` wants them. */
export type Gradients = Record<string, () => Tensor>;
