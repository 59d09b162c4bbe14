import type { Tensor } from '../safetensors.ts';
import { dense, foldBack, type Linear, linearOf, Mlp, mish } from './mlp.ts';
import type { Denoiser } from './walks.ts';

interface Block {
  readonly scale: Float32Array;
  readonly shift: Float32Array;
  readonly fc1: Linear;
  readonly fc2: Linear;
}

/** Variance-preserving SDE, β from 0.1 to 20: ln α_t = −¼t²(β₁ − β₀) − ½tβ₀, σ_t² = 1 − α_t². */
export function signalNoise(t: number): { alpha: number; sigma: number } {
  const log = -0.25 * t * t * 19.9 - 0.5 * t * 0.1;
  return { alpha: Math.exp(log), sigma: Math.sqrt(-Math.expm1(2 * log)) };
}

/** ε(x, t, s) in continuous time: Fourier features of t, residual blocks with layer norm (IDQL's network, SRPO's behaviour). */
export class SdeModel implements Denoiser {
  readonly obsDim: number;
  readonly actDim: number;
  readonly #frequencies: Float32Array;
  readonly #cond: Mlp;
  readonly #input: Linear;
  readonly #blocks: readonly Block[];
  readonly #output: Linear;

  private constructor(frequencies: Float32Array, cond: Mlp, input: Linear, blocks: readonly Block[], output: Linear) {
    this.#frequencies = frequencies;
    this.#cond = cond;
    this.#input = input;
    this.#blocks = blocks;
    this.#output = output;
    this.actDim = output.outputs;
    this.obsDim = input.inputs - this.actDim - cond.outputs;
  }

  static from(tensors: ReadonlyMap<string, Tensor>, prefix: string): SdeModel | undefined {
    const frequencies = tensors.get(`${prefix}/fourier/W`)?.data as Float32Array | undefined;
    const cond = Mlp.from(tensors, `${prefix}/cond`, 'mish');
    const input = linearOf(tensors, `${prefix}/in`);
    const output = linearOf(tensors, `${prefix}/out`);
    if (!frequencies || !cond || !input || !output) return undefined;
    const blocks: Block[] = [];
    for (let i = 0; ; i++) {
      const fc1 = linearOf(tensors, `${prefix}/block${i}/fc1`);
      const fc2 = linearOf(tensors, `${prefix}/block${i}/fc2`);
      const norm = linearNorm(tensors, `${prefix}/block${i}/norm`);
      if (!fc1 || !fc2 || !norm) break;
      blocks.push({ ...norm, fc1, fc2 });
    }
    return new SdeModel(frequencies, cond, input, blocks, output);
  }

  /** Predicted noise of K noisy actions [K, A] at one time and observation. */
  predict(x: Float32Array, rows: number, t: number, observation: Float32Array): Float32Array {
    const e = this.#cond.apply(fourierFeatures(t, this.#frequencies), 1);
    let h = dense(x, rows, foldBack(foldBack(this.#input, e), observation), 'linear');
    for (const block of this.#blocks) h = residual(h, rows, block);
    return dense(h.map(mish), rows, this.#output, 'linear');
  }
}

/** [sin 2πWt …, cos 2πWt …], rounded as the trainer rounds it. */
export function fourierFeatures(t: number, frequencies: Float32Array): Float32Array {
  const n = frequencies.length;
  const features = new Float32Array(2 * n);
  for (let i = 0; i < n; i++) {
    const angle = Math.fround(Math.fround(Math.fround(t * frequencies[i]!) * 2) * Math.fround(Math.PI));
    features[i] = Math.sin(angle);
    features[n + i] = Math.cos(angle);
  }
  return features;
}

function linearNorm(
  tensors: ReadonlyMap<string, Tensor>,
  prefix: string,
): { scale: Float32Array; shift: Float32Array } | undefined {
  const scale = tensors.get(`${prefix}/weight`)?.data as Float32Array | undefined;
  const shift = tensors.get(`${prefix}/bias`)?.data as Float32Array | undefined;
  return scale && shift && { scale, shift };
}

/** x + fc2(mish(fc1(layerNorm(x)))), variance with an ε of 1e-6 … 1e-5 as trained. */
function residual(x: Float32Array, rows: number, { scale, shift, fc1, fc2 }: Block): Float32Array {
  const width = scale.length;
  const normed = new Float32Array(x.length);
  for (let r = 0; r < rows; r++) {
    let mean = 0;
    for (let i = 0; i < width; i++) mean += x[r * width + i]!;
    mean /= width;
    let variance = 0;
    for (let i = 0; i < width; i++) variance += (x[r * width + i]! - mean) ** 2;
    const inverse = 1 / Math.sqrt(variance / width + 1e-5);
    for (let i = 0; i < width; i++)
      normed[r * width + i] = (x[r * width + i]! - mean) * inverse * scale[i]! + shift[i]!;
  }
  const y = dense(dense(normed, rows, fc1, 'mish'), rows, fc2, 'linear');
  for (let i = 0; i < y.length; i++) y[i]! += x[i]!;
  return y;
}
