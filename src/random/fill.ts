import { boxMuller } from './boxMuller.ts';
import { type Blocks, multiplyHigh, philox } from './rng.ts';

/**
 * Bulk draws: element i comes from block `block + ⌊i/4⌋` of the stream. The kernels `normal`, `uniform` and `integers`
 * give the same bits, whatever the number of threads.
 */

/** How many blocks `count` elements take from a stream (`Rng.take`). */
export function blocksFor(count: number): number {
  return Math.ceil(count / 4);
}

type Use = (words: Uint32Array, at: number, count: number) => void;

function eachBlock({ key, block: first }: Blocks, count: number, use: Use): void {
  const words = new Uint32Array(4);
  for (let at = 0; at < count; at += 4) {
    const block = first + at / 4;
    philox(key[0], key[1], block >>> 0, Math.floor(block / 4294967296) >>> 0, 0, 0, words);
    use(words, at, Math.min(4, count - at));
  }
}

/** Standard normal float32 numbers. */
export function fillNormal(blocks: Blocks, out: Float32Array): void {
  const z = new Float32Array(4);
  eachBlock(blocks, out.length, (words, at, count) => {
    boxMuller(words[0]!, words[1]!, z, 0);
    boxMuller(words[2]!, words[3]!, z, 2);
    for (let i = 0; i < count; i++) out[at + i] = z[i]!;
  });
}

/** Float32 numbers low + (high − low) · u, u one of 2²⁴ equidistant numbers in [0, 1). */
export function fillUniform(blocks: Blocks, out: Float32Array, low: number, high: number): void {
  const from = Math.fround(low);
  const width = Math.fround(high - low);
  eachBlock(blocks, out.length, (words, at, count) => {
    for (let i = 0; i < count; i++) {
      const u = Math.fround((words[i]! >>> 8) * 5.9604644775390625e-8);
      out[at + i] = Math.fround(from + Math.fround(width * u));
    }
  });
}

/** Whole numbers in [0, bound). */
export function fillIntegers(blocks: Blocks, out: Int32Array, bound: number): void {
  eachBlock(blocks, out.length, (words, at, count) => {
    for (let i = 0; i < count; i++) out[at + i] = multiplyHigh(words[i]!, bound);
  });
}
