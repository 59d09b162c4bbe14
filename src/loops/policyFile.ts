import { UsageError } from '../errors.ts';
import type { Rng } from '../random/rng.ts';
import type { StoredTensor, StoredTensors } from '../runs/safetensors.ts';

const LOG_STD_RANGE = [-20, 2] as const;

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Float32Array; // [inputs, outputs]
  readonly bias: Float32Array; // [outputs]
}

/**
 * A policy as stored tensors: linear layers `policy/0/weight` [in, out], `policy/0/bias`, … with ReLU between
 * them, as in the checkpoints of SAC and TD3. With actDim outputs a = tanh(μ); with twice as many the second half is
 * ln σ and a = tanh(μ + σξ). One observation at a time, in plain arithmetic: the same bits on every backend.
 */
export class PolicyFile {
  readonly obsDim: number;
  readonly actDim: number;
  readonly stochastic: boolean;
  readonly #layers: readonly Layer[];

  /** `name` is what messages call it. Throws `UsageError` if there is no such policy for these sizes among the tensors. */
  constructor(tensors: StoredTensors, sizes: { readonly obsDim: number; readonly actDim: number }, name: string) {
    this.#layers = layersOf(tensors, name);
    this.obsDim = this.#layers[0]!.inputs;
    const { outputs } = this.#layers.at(-1)!;
    this.actDim = sizes.actDim;
    this.stochastic = outputs === 2 * sizes.actDim;
    if (this.obsDim !== sizes.obsDim)
      throw new UsageError(`${name} takes ${this.obsDim} observations, ${sizes.obsDim} are to be had`);
    if (outputs !== sizes.actDim && !this.stochastic)
      throw new UsageError(`${name} gives ${outputs} numbers, actions have ${sizes.actDim}`);
  }

  /** A sample of π(·|s), or its mode where there is no spread or no stream. */
  act(observation: Float32Array, rng?: Rng): Float32Array {
    const { actDim } = this;
    let h = observation;
    this.#layers.forEach((layer, i) => {
      h = linear(h, layer, i < this.#layers.length - 1);
    });
    const action = new Float32Array(actDim);
    for (let j = 0; j < actDim; j++) {
      const logStd = Math.max(LOG_STD_RANGE[0], Math.min(LOG_STD_RANGE[1], h[actDim + j] ?? 0));
      const spread = this.stochastic && rng ? Math.exp(logStd) * rng.normal() : 0;
      action[j] = Math.tanh(h[j]! + spread);
    }
    return action;
  }
}

function layersOf(tensors: ReadonlyMap<string, StoredTensor>, name: string): Layer[] {
  const layers: Layer[] = [];
  for (let i = 0; ; i++) {
    const [weight, bias] = ['weight', 'bias'].map(part => tensors.get(`policy/${i}/${part}`));
    if (!weight && !bias) break;
    if (!weight || !bias || weight.shape.length !== 2 || weight.shape[1] !== bias.data.length)
      throw new UsageError(`${name}: layer ${i} of the policy has no weight and bias that fit each other`);
    const [inputs, outputs] = weight.shape as [number, number];
    if (layers.length > 0 && layers.at(-1)!.outputs !== inputs)
      throw new UsageError(
        `${name}: layer ${i} takes ${inputs} numbers, the one before gives ${layers.at(-1)!.outputs}`,
      );
    layers.push({ inputs, outputs, weight: weight.data as Float32Array, bias: bias.data as Float32Array });
  }
  if (layers.length === 0) throw new UsageError(`${name} holds no policy: "policy/0/weight" is missing`);
  return layers;
}

function linear(x: Float32Array, { inputs, outputs, weight, bias }: Layer, relu: boolean): Float32Array {
  const out = Float32Array.from(bias);
  for (let i = 0; i < inputs; i++) {
    const value = x[i]!;
    if (value === 0) continue;
    const row = i * outputs;
    for (let j = 0; j < outputs; j++) out[j]! += value * weight[row + j]!;
  }
  if (relu) for (let j = 0; j < outputs; j++) if (out[j]! < 0) out[j] = 0;
  return out;
}
