import type { Rng } from '../random/rng.ts';
import type { Batch, Transitions } from './batch.ts';
import type { Dataset } from './dataset.ts';
import type { Moments } from './moments.ts';

/** Rounds of the permutation network; four make a good shuffle (Luby and Rackoff 1988). */
const ROUNDS = 4;

/**
 * Draws without replacement: the whole collection is shuffled, walked through batch by batch, and shuffled anew when
 * fewer transitions than a batch remain (those are skipped). No shuffled list is kept: batch number t of a random
 * stream is computed from the stream's key and counter, so what the loop saves of its stream resumes it exactly.
 * Every draw from one stream must have the same batch size, and the stream must serve nothing else.
 */
export class Epochs implements Transitions {
  readonly size: number;
  readonly obsDim: number;
  readonly actDim: number;
  readonly #dataset: Dataset;

  constructor(dataset: Dataset) {
    this.#dataset = dataset;
    this.size = dataset.size;
    this.obsDim = dataset.obsDim;
    this.actDim = dataset.actDim;
  }

  /** A batch larger than the collection is drawn from several shuffles of it. */
  sample(batchSize: number, rng: Rng): Batch {
    const { key, block } = rng.take(1);
    return this.#dataset.batch(epochBatch(this.size, batchSize, key, block));
  }

  observationMoments(): Moments {
    return this.#dataset.observationMoments();
  }
}

/** Numbers of the transitions in draw number `draw` of the stream with this key. */
export function epochBatch(size: number, batchSize: number, key: readonly [number, number], draw: number): Uint32Array {
  const indices = new Uint32Array(batchSize);
  const perEpoch = Math.floor(size / batchSize);
  for (let i = 0; i < batchSize; i++) {
    const place = perEpoch > 0 ? (draw % perEpoch) * batchSize + i : draw * batchSize + i;
    const epoch = perEpoch > 0 ? Math.floor(draw / perEpoch) : Math.floor(place / size);
    indices[i] = shuffled(place % size, size, key[0] ^ epoch, key[1] ^ Math.floor(epoch / 2 ** 32));
  }
  return indices;
}

/** Where `place` in [0, size) goes in the shuffle with this key: a Feistel network, walked until it lands inside. */
function shuffled(place: number, size: number, key0: number, key1: number): number {
  const half = Math.max(1, Math.ceil(Math.log2(size) / 2));
  const mask = 2 ** half - 1;
  let value = place;
  do {
    let left = Math.floor(value / 2 ** half);
    let right = value & mask;
    for (let round = 0; round < ROUNDS; round++) {
      const next = left ^ (mix(right, key0, (key1 + Math.imul(round, 0x9e3779b9)) | 0) & mask);
      left = right;
      right = next;
    }
    value = left * 2 ** half + right;
  } while (value >= size);
  return value;
}

/** Scrambles 32 bits (Murmur3's finalizer, with two keys). */
function mix(value: number, key0: number, key1: number): number {
  let h = Math.imul(value ^ key0, 0xcc9e2d51) ^ key1;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
