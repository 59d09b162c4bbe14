import type { Variables } from '../algorithms/algorithm.ts';
import { AgentError } from '../errors.ts';
import { type StoredTensor, type StoredTensors, stored } from '../runs/safetensors.ts';
import { tf } from '../tensor/tf.ts';

/** An algorithm's variables as a checkpoint stores them. */
export function storeVariables(variables: Variables): StoredTensors {
  return new Map(
    Object.entries(variables).map(([name, variable]) => [
      name,
      stored(variable.dataSync() as Float32Array, variable.shape),
    ]),
  );
}

/** Puts stored values back. Throws `AgentError` when a variable is missing or has another shape. */
export function restoreVariables(
  variables: Variables,
  tensors: ReadonlyMap<string, Pick<StoredTensor, 'shape' | 'data'>>,
): void {
  for (const [name, variable] of Object.entries(variables)) {
    const tensor = tensors.get(name);
    if (!tensor) throw new AgentError(`the checkpoint has no "${name}"`);
    if (tensor.shape.join() !== variable.shape.join())
      throw new AgentError(`"${name}" is [${tensor.shape}] in the checkpoint, [${variable.shape}] here`);
    tf.tidy(() => variable.assign(tf.tensor(new Float32Array(tensor.data), variable.shape)));
  }
}
