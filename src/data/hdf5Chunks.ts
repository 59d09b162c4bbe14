import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { inflateSync } from 'node:zlib';
import { type Elements, elements, LARGEST_EXPANSION, type Target } from './hdf5Array.ts';
import type { Layout } from './hdf5Header.ts';
import { long, must, type Source, Unusual } from './hdf5Source.ts';

/** Numbers in one piece are read in blocks of this many bytes. */
const BLOCK_BYTES = 1 << 20;
/** Chunks that together are larger, side by side, are the library's business. */
const LARGEST_BAND_BYTES = 64 * 2 ** 20;
const TILE_ROWS = 256;
/** Inflated bytes that may lie about before they are collected. */
const LITTER_BYTES = 1 << 19;
const DEEPEST = 8;

/** Where a part of an array lies in the file. */
interface Chunk {
  readonly address: number;
  readonly size: number;
}

/** Reads an array [n] or [n, width] into `into` from `offset` on. */
export function readNumbers(source: Source, layout: Layout, into: Target, offset: number): void {
  if (layout.chunk === undefined) readPiece(source, layout, into, offset);
  else readChunks(source, layout, into, offset);
}

function readPiece(source: Source, layout: Layout, into: Target, offset: number): void {
  const { shape, address, bytes } = layout;
  must(!layout.deflated, 'filters without chunks');
  const count = shape[0]! * (shape[1] ?? 1);
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  const blockLength = BLOCK_BYTES / bytes;
  for (let start = 0; start < count; start += blockLength) {
    const length = Math.min(blockLength, count - start);
    source.bytes(address + start * bytes, length * bytes, block);
    into.set(numbers(block, length, layout), offset + start);
  }
}

function readChunks(source: Source, layout: Layout, into: Target, offset: number): void {
  const [rows, width = 1] = layout.shape as [number, number?];
  const [chunkRows, chunkWidth = 1] = layout.chunk as [number, number?];
  const [down, across] = [Math.ceil(rows / chunkRows), Math.ceil(width / chunkWidth)];
  const length = chunkRows * chunkWidth;
  must(across * length * layout.bytes <= LARGEST_BAND_BYTES, 'chunks too large');
  must(down * across * length * layout.bytes <= LARGEST_EXPANSION * source.size, 'most of it is not there');
  const chunks = chunksOf(source, layout, down, across);
  const unpacking = new Unpacking(source, layout, length, across);
  for (let band = 0; band < down; band++) {
    const parts = unpacking.band(chunks.slice(band * across, (band + 1) * across));
    const start = band * chunkRows;
    const count = Math.min(chunkRows, rows - start);
    const at = offset + start * width;
    if (across === 1 && chunkWidth === width) into.set(parts[0]!.subarray(0, count * width), at);
    else interleave(parts, chunkWidth, into, at, width, count);
  }
}

/** Puts chunks that lie side by side, `step` columns each, into rows; a few rows at a time, which stay in the cache. */
function interleave(parts: Elements[], step: number, to: Target, at: number, width: number, rows: number): void {
  for (let start = 0; start < rows; start += TILE_ROWS) {
    const end = Math.min(rows, start + TILE_ROWS);
    for (let part = 0; part < parts.length; part++) {
      const columns = Math.min(step, width - part * step);
      copyColumns(parts[part]!, step, to, at + part * step, width, start, end, columns);
    }
  }
}

function copyColumns(
  from: Elements,
  step: number,
  to: Target,
  at: number,
  width: number,
  start: number,
  end: number,
  columns: number,
): void {
  if (columns === 1) {
    for (let i = start; i < end; i++) to[at + i * width] = from[i * step]!;
    return;
  }
  for (let i = start; i < end; i++) {
    for (let j = 0; j < columns; j++) to[at + i * width + j] = from[i * step + j]!;
  }
}

/** All chunks, from left to right and downwards. Throws `Unusual` unless each part of the array is there exactly once. */
function chunksOf(source: Source, { shape, chunk, address }: Layout, down: number, across: number): Chunk[] {
  const [chunkRows, chunkWidth = 1] = chunk as [number, number?];
  const chunks: Chunk[] = [];
  let count = 0;
  for (const [row, column, each] of leaves(source, address, shape.length, DEEPEST)) {
    must(row % chunkRows === 0 && column % chunkWidth === 0, 'a chunk at no chunk’s place');
    const [i, j] = [row / chunkRows, column / chunkWidth];
    must(i < down && j < across && chunks[i * across + j] === undefined, 'a chunk outside, or twice');
    chunks[i * across + j] = each;
    count++;
  }
  must(count === down * across, 'chunks missing');
  return chunks;
}

/** The chunks below a node of an array's tree, each with the row and the column where it begins. */
function* leaves(
  source: Source,
  address: number,
  rank: number,
  depth: number,
): Generator<[row: number, column: number, Chunk]> {
  const head = source.bytes(address, 24);
  must(head.subarray(0, 5).equals(Buffer.from('TREE\x01')), 'no tree of chunks');
  const [level, count] = [head[5]!, head.readUInt16LE(6)];
  must(level < depth && count > 0, 'too deep a tree, or an empty one');
  const keyBytes = 8 + 8 * (rank + 1);
  const entries = source.bytes(address + 24, count * (keyBytes + 8));
  for (let i = 0; i < count; i++) {
    const at = i * (keyBytes + 8);
    const child = long(entries, at + keyBytes);
    if (level > 0) yield* leaves(source, child, rank, level);
    else {
      must(entries.readUInt32LE(at + 4) === 0, 'a filter left out');
      must(long(entries, at + 8 + 8 * rank) === 0, 'a chunk within a number');
      const column = rank === 2 ? long(entries, at + 16) : 0;
      yield [long(entries, at + 8), column, { address: child, size: entries.readUInt32LE(at) }];
    }
  }
}

/** Turns chunks into numbers, with the memory of as many as lie side by side and what lies about. */
class Unpacking {
  readonly #source: Source;
  readonly #layout: Layout;
  /** Numbers and bytes of a chunk. */
  readonly #length: number;
  readonly #bytes: number;
  readonly #packed: Buffer;
  /** Where chunks go that need not be inflated, or that are not done then. */
  readonly #slots: Buffer[] = [];
  #litter = 0;

  constructor(source: Source, layout: Layout, length: number, across: number) {
    this.#source = source;
    this.#layout = layout;
    this.#length = length;
    this.#bytes = length * layout.bytes;
    this.#packed = Buffer.allocUnsafeSlow(layout.deflated ? 2 * this.#bytes + 1024 : 0);
    if (layout.deflated && !layout.shuffled) return;
    for (let i = 0; i < across; i++) this.#slots.push(Buffer.allocUnsafeSlow(this.#bytes));
  }

  /** The numbers of chunks that lie side by side, until the next ones are asked for. */
  band(chunks: readonly Chunk[]): Elements[] {
    if (this.#litter > LITTER_BYTES) {
      collectYoung();
      this.#litter = 0;
    }
    return chunks.map((chunk, slot) => numbers(this.#raw(chunk, slot), this.#length, this.#layout));
  }

  #raw({ address, size }: Chunk, slot: number): Buffer {
    const { deflated, shuffled } = this.#layout;
    must(deflated ? size <= this.#packed.length : size === this.#bytes, 'a chunk of another size');
    if (!deflated) return this.#source.bytes(address, size, this.#slots[slot]);
    const raw = this.#inflated(this.#source.bytes(address, size, this.#packed));
    return shuffled ? unshuffled(raw, this.#length, this.#slots[slot]!) : raw;
  }

  #inflated(packed: Buffer): Buffer {
    this.#litter += this.#bytes;
    try {
      // with room to spare, for a buffer that was just filled makes zlib begin another
      const raw = inflateSync(packed, { chunkSize: this.#bytes + 64, maxOutputLength: this.#bytes });
      must(raw.length === this.#bytes, 'a chunk of another size');
      return raw;
    } catch (error) {
      throw new Unusual(`a chunk that does not inflate: ${(error as Error).message}`);
    }
  }
}

/** First bytes of all numbers, then all second ones, …: back to number by number. */
function unshuffled(raw: Buffer, length: number, into: Buffer): Buffer {
  const bytes = into.length / length;
  for (let b = 0; b < bytes; b++) {
    for (let i = 0, from = b * length; i < length; i++) into[i * bytes + b] = raw[from + i]!;
  }
  return into;
}

function numbers(raw: Uint8Array, length: number, layout: Layout): Elements {
  const aligned = raw.byteOffset % layout.bytes === 0 ? raw : new Uint8Array(raw);
  return elements(aligned.buffer as ArrayBuffer, aligned.byteOffset, length, layout, layout.signed);
}

let collect: ((options: { type: 'minor' }) => void) | undefined;

/** Frees buffers that were dropped a moment ago: the engine alone lets 32 MB of them pile up. */
function collectYoung(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as NonNullable<typeof collect>;
    setFlagsFromString('--no-expose-gc');
  }
  collect({ type: 'minor' });
}
