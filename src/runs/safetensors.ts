import { AgentError } from '../errors.ts';

/** The element types we write; `safetensors` names on the left. */
const DTYPES = { F64: Float64Array, F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;
export type Dtype = keyof typeof DTYPES;
export type TypedArray = Float64Array | Float32Array | Int32Array | Uint8Array;

export interface StoredTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}
export type StoredTensors = ReadonlyMap<string, StoredTensor>;

export interface SafetensorsFile {
  readonly tensors: Map<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The file is not what its format promises; the message says where. */
export class SafetensorsError extends AgentError {
  constructor(message: string) {
    super(`safetensors: ${message}`);
    this.name = 'SafetensorsError';
  }
}

/** Largest header read or written: 16 MiB describes more than 100 000 tensors. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;

/** A typed array and its shape (a vector unless given), ready to be stored. */
export function stored(data: TypedArray, shape: readonly number[] = [data.length]): StoredTensor {
  const dtype = (Object.keys(DTYPES) as Dtype[]).find(name => data instanceof DTYPES[name])!;
  return { dtype, shape, data };
}

/**
 * The bytes of a `safetensors` file (8-byte length, JSON header, data), as parts to be written one after the other; the
 * data parts are views of the tensors' own memory. Tensors are laid out by element size, so each one is aligned.
 * Little-endian machines only, like every machine Node supports in practice. Throws `SafetensorsError`.
 */
export function encodeSafetensors(
  tensors: StoredTensors,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  const ordered = [...tensors].sort((a, b) => b[1].data.BYTES_PER_ELEMENT - a[1].data.BYTES_PER_ELEMENT);
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    if (name === '__metadata__') throw new SafetensorsError('a tensor cannot be called __metadata__');
    if (!(data instanceof DTYPES[dtype])) throw new SafetensorsError(`${name} is not of type ${dtype}`);
    if (elements(shape) !== data.length)
      throw new SafetensorsError(`${name} has ${data.length} numbers, its shape is [${shape}]`);
    header[name] = { dtype, shape: [...shape], data_offsets: [offset, offset + data.byteLength] };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const text = JSON.stringify(header);
  const length = Buffer.byteLength(text);
  const padded = Math.ceil(length / 8) * 8;
  if (padded > MAX_HEADER_BYTES)
    throw new SafetensorsError(`the header takes ${padded} bytes, at most ${MAX_HEADER_BYTES}`);
  const front = Buffer.alloc(8 + padded, ' ');
  front.writeBigUInt64LE(BigInt(padded), 0);
  front.write(text, 8);
  return [front, ...parts];
}

/**
 * Reads a `safetensors` file; every tensor is a copy of its own. Throws `SafetensorsError` unless the header is sound,
 * names are unique and the tensors cover the data exactly: no overlap, no gap, nothing out of range.
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, start } = readHeader(bytes);
  const dataBytes = bytes.byteLength - start;
  const tensors = new Map<string, StoredTensor>();
  let metadata: Record<string, string> = {};
  const spans: { name: string; begin: number; end: number }[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = readMetadata(entry);
      continue;
    }
    const { dtype, shape, begin, end } = readEntry(name, entry, dataBytes);
    spans.push({ name, begin, end });
    const own = new Uint8Array(bytes.subarray(start + begin, start + end)); // a copy, aligned
    tensors.set(name, { dtype, shape, data: new DTYPES[dtype](own.buffer) });
  }
  checkCoverage(spans, dataBytes);
  return { tensors, metadata };
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  if (bytes.byteLength < 8) throw new SafetensorsError(`${bytes.byteLength} bytes are too few for a file`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) throw new SafetensorsError(`a header of ${length} bytes, at most ${MAX_HEADER_BYTES}`);
  if (8 + length > bytes.byteLength)
    throw new SafetensorsError(`the header takes ${length} bytes, the file has ${bytes.byteLength}`);
  let header: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length));
    checkUniqueKeys(text);
    header = JSON.parse(text);
  } catch (error) {
    if (error instanceof SafetensorsError) throw error;
    throw new SafetensorsError(`the header is not JSON: ${(error as Error).message}`);
  }
  if (!isObject(header)) throw new SafetensorsError('the header is not an object');
  return { header, start: 8 + length };
}

/** `JSON.parse` keeps the last of two equal keys without a word, so names are checked on the text. */
function checkUniqueKeys(text: string): void {
  const names = new Set<string>();
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && token.endsWith(':')) {
      const name = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1)) as string;
      if (names.has(name)) throw new SafetensorsError(`two tensors are called ${JSON.stringify(name)}`);
      names.add(name);
    }
  }
}

function readMetadata(entry: unknown): Record<string, string> {
  if (!isObject(entry) || Object.values(entry).some(value => typeof value !== 'string'))
    throw new SafetensorsError('__metadata__ is not an object of texts');
  return entry as Record<string, string>;
}

function readEntry(name: string, entry: unknown, dataBytes: number) {
  const refuse = (what: string) => new SafetensorsError(`tensor ${JSON.stringify(name)}: ${what}`);
  if (!isObject(entry)) throw refuse('no description');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPES, dtype))
    throw refuse(`type ${JSON.stringify(dtype)}, ${Object.keys(DTYPES).join(', ')} are read`);
  if (!isCounts(shape)) throw refuse(`shape ${JSON.stringify(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2) throw refuse(`data_offsets ${JSON.stringify(offsets)}`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) throw refuse(`bytes ${begin} to ${end} of ${dataBytes}`);
  const wanted = elements(shape) * DTYPES[dtype as Dtype].BYTES_PER_ELEMENT;
  if (end - begin !== wanted) throw refuse(`${end - begin} bytes, its shape [${shape}] takes ${wanted}`);
  return { dtype: dtype as Dtype, shape, begin, end };
}

function checkCoverage(spans: { name: string; begin: number; end: number }[], dataBytes: number): void {
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of spans) {
    if (begin !== at)
      throw new SafetensorsError(
        `tensor ${JSON.stringify(name)} starts at byte ${begin}, the one before ends at ${at}`,
      );
    at = end;
  }
  if (at !== dataBytes) throw new SafetensorsError(`the tensors end at byte ${at}, the data at ${dataBytes}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(n => Number.isSafeInteger(n) && n >= 0);
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
