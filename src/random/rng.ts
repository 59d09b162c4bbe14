import { boxMuller } from './boxMuller.ts';

const pair = new Float32Array(2);

/**
 * Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 * A stream is a 64-bit key and a counter, so its whole state is three numbers, any part of it can be computed
 * anywhere, and the numbers do not depend on backend, thread count or machine.
 */
export interface RngState {
  readonly key: readonly [number, number];
  /** 32-bit words used so far. */
  readonly counter: number;
}

/** Blocks of four words reserved for a bulk fill: the first one's number in its stream. */
export interface Blocks {
  readonly key: readonly [number, number];
  readonly block: number;
}

export class Rng {
  readonly #key: readonly [number, number];
  /** Number of the next 32-bit word; word i is word i mod 4 of block ⌊i/4⌋. Below 2^53. */
  #counter: number;
  readonly #words = new Uint32Array(4);
  #block = -1;

  constructor(seed: number | RngState) {
    if (typeof seed === 'number') {
      if (!Number.isSafeInteger(seed) || seed < 0)
        throw new RangeError(`seed is ${seed}, a whole number ≥ 0 is wanted`);
      this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
      this.#counter = 0;
    } else {
      this.#key = seed.key;
      this.#counter = seed.counter;
    }
  }

  /** An independent stream for one purpose: the same name gives the same stream, however much this one was used. */
  split(name: string): Rng {
    // FNV-1a over the name seeds the counter words; the block encrypted under our key is the new key.
    let low = 0x811c9dc5;
    let high = 0x9e3779b9;
    for (let i = 0; i < name.length; i++) {
      low = Math.imul(low ^ name.charCodeAt(i), 0x01000193);
      high = Math.imul(high ^ name.charCodeAt(i), 0x85ebca6b);
    }
    const out = new Uint32Array(4);
    philox(this.#key[0], this.#key[1], low >>> 0, high >>> 0, name.length, 0x73706c74, out); // 'splt'
    return new Rng({ key: [out[0]!, out[1]!], counter: 0 });
  }

  /** The whole state. Reading it changes nothing. */
  get state(): RngState {
    return { key: this.#key, counter: this.#counter };
  }

  /** Reserves the next `blocks` whole blocks of four words for a bulk fill and returns where they start. */
  take(blocks: number): Blocks {
    const block = Math.ceil(this.#counter / 4);
    this.#counter = 4 * (block + blocks);
    return { key: this.#key, block };
  }

  uint32(): number {
    const block = Math.floor(this.#counter / 4);
    if (block !== this.#block) {
      philox(this.#key[0], this.#key[1], block >>> 0, Math.floor(block / 2 ** 32) >>> 0, 0, 0, this.#words);
      this.#block = block;
    }
    return this.#words[this.#counter++ % 4]!;
  }

  /** Float64 in [low, high), 53 random bits. */
  uniform(low = 0, high = 1): number {
    const a = this.uint32() >>> 5;
    const b = this.uint32() >>> 6;
    return low + (high - low) * ((a * 67108864 + b) / 9007199254740992);
  }

  /** Standard normal, float32: Box–Muller by our own polynomials, as `fill.ts` has it; one of the pair. */
  normal(): number {
    boxMuller(this.uint32(), this.uint32(), pair, 0);
    return pair[0]!;
  }

  /** Whole number in [0, bound), bound < 2^32, without modulo bias beyond 2^-32. */
  integer(bound: number): number {
    return multiplyHigh(this.uint32(), bound);
  }
}

/** Ten rounds of Philox4x32 over counter (c0, c1, c2, c3) with key (k0, k1); writes four words to `out`. */
export function philox(
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  out: Uint32Array,
  offset = 0,
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[offset] = c0;
  out[offset + 1] = c1;
  out[offset + 2] = c2;
  out[offset + 3] = c3;
}

/** High 32 bits of the 64-bit product of two unsigned 32-bit words. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0;
}
