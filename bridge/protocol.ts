import { Packr } from 'msgpackr';
import { AgentError } from '../src/errors.ts';
import { crc32c } from './crc32c.ts';
import { type Header, HeaderReader, type Plain } from './msgpack.ts';

export const PROTOCOL_VERSION = 1;
export const MAX_HEADER = 64 * 1024;
export const MAX_ARRAYS = 64;
export const MAX_BYTES = 256 * 1024 * 1024;

export type WireArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
type Dtype = 'f4' | 'f8' | 'i4' | 'i8' | 'u1';

const constructors: Readonly<Record<Dtype, new (buffer: ArrayBuffer, at: number, count: number) => WireArray>> = {
  f4: Float32Array,
  f8: Float64Array,
  i4: Int32Array,
  i8: BigInt64Array,
  u1: Uint8Array,
};

export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: WireArray;
}

/** A request or a reply, as PROTOCOL.md lists them. Names of fields and arrays are Python's. */
export interface Message {
  readonly type: string;
  readonly id: number;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly arrays: Readonly<Record<string, NamedArray>>;
}

/** What came is not a message of this protocol. */
export class ProtocolError extends AgentError {
  readonly code: string;
  constructor(message: string, code = 'malformed') {
    super(message);
    this.name = 'ProtocolError';
    this.code = code;
  }
}

const headers = new HeaderReader();
const packr = new Packr({ useRecords: false });

/** ZeroMQ parts of a message. Throws `ProtocolError` for a header that is too large. */
export function encode({ type, id, fields, arrays }: Message): Buffer[] {
  const described = Object.entries(arrays).map(([name, { shape, data }]) => ({ name, dtype: dtypeOf(data), shape }));
  const header = packr.pack({ v: PROTOCOL_VERSION, type, arrays: described, ...fields, id });
  if (header.length > MAX_HEADER)
    throw new ProtocolError(`the header has ${header.length} bytes, at most ${MAX_HEADER} are allowed`);
  return sealed([header, ...Object.values(arrays).map(({ data }) => bytesOf(data))]);
}

/** Requests of a session that differ in `k`, `id` and the numbers in their arrays alone: the rest of the header is packed once. */
export class Form {
  readonly type: string;
  /** The header; k and id fill its last 21 bytes. */
  readonly #header: Buffer;

  constructor(type: string, fields: Message['fields'], arrays: Message['arrays']) {
    this.type = type;
    const [packed] = encode({ type, id: 0, fields: { ...fields, k: 0 }, arrays });
    const end = Buffer.from([0xcf, 0, 0, 0, 0, 0, 0, 0, 0, 0xa2, 0x69, 0x64, 0xcf, 0, 0, 0, 0, 0, 0, 0, 0]);
    this.#header = Buffer.concat([packed!.subarray(0, -5), end]); // without 0, "id" and 0
  }

  /** `arrays` in the order they were described in. */
  parts(k: number, id: number, arrays: readonly WireArray[]): Buffer[] {
    const header = Buffer.from(this.#header);
    writeWhole(header, k, header.length - 20);
    writeWhole(header, id, header.length - 8);
    const parts: Buffer[] = [header];
    for (const array of arrays) parts.push(bytesOf(array));
    return sealed(parts);
  }
}

function writeWhole(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value >>> 0, at + 4);
}

function sealed(parts: Buffer[]): Buffer[] {
  const checksum = Buffer.allocUnsafe(4);
  checksum.writeUInt32LE(crc32c(parts));
  parts.push(checksum);
  return parts;
}

/** The inverse of `encode`: sizes are checked before anything is unpacked. Throws `ProtocolError`. */
export function decode(parts: readonly Uint8Array[]): Message {
  if (parts.length < 2 || parts.length > MAX_ARRAYS + 2)
    throw new ProtocolError(`${parts.length} parts, 2 to ${MAX_ARRAYS + 2} are wanted`);
  const packed = parts[0]!;
  const checksum = parts[parts.length - 1]!;
  if (packed.length > MAX_HEADER)
    throw new ProtocolError(`a header of ${packed.length} bytes, at most ${MAX_HEADER} are allowed`);
  let size = 0;
  for (const part of parts) size += part.length;
  if (size > MAX_BYTES) throw new ProtocolError(`a message of more than ${MAX_BYTES} bytes`);
  if (checksum.length !== 4 || littleEndian(checksum) !== crc32c(parts, parts.length - 1))
    throw new ProtocolError('the checksum does not fit the message');
  const { entries, id } = readHeader(packed);
  const { type, fields, described } = understand(entries);
  if (!Number.isSafeInteger(id) || (id as number) < 0) throw new ProtocolError('a header without a valid id');
  return { type, id: id as number, fields, arrays: unpackArrays(described, parts) };
}

function readHeader(packed: Uint8Array): Header {
  try {
    return headers.read(packed);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ProtocolError(`the header cannot be read: ${error.message}`);
  }
}

interface Understood {
  readonly type: string;
  readonly fields: Message['fields'];
  readonly described: readonly Described[];
}

/** What headers say, as long as they are remembered: each is looked into once. */
const understood = new WeakMap<object, Understood>();

function understand(header: Plain): Understood {
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new ProtocolError('the header is not a map');
  const known = understood.get(header);
  if (known) return known;
  const { v, id: _id, type, arrays, ...fields } = header as { readonly [key: string]: Plain };
  if (v !== PROTOCOL_VERSION)
    throw new ProtocolError(
      `the simulator speaks protocol ${short(v)}, agent ${PROTOCOL_VERSION}: install the same version on both sides`,
      'version',
    );
  if (typeof type !== 'string') throw new ProtocolError('a header without a type');
  const made = { type, fields, described: describedArrays(arrays) };
  understood.set(header, made);
  return made;
}

interface Described {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: (typeof constructors)[Dtype];
  readonly count: number;
  readonly bytes: number;
}

function describedArrays(list: unknown): readonly Described[] {
  if (!Array.isArray(list)) throw new ProtocolError('a header without a list of arrays');
  const names = new Set<unknown>();
  return list.map((entry: { name?: unknown; dtype?: unknown; shape?: unknown } | null): Described => {
    const { name, dtype, shape } = entry ?? {};
    const twice = names.has(name) || !names.add(name);
    if (typeof name !== 'string' || twice || typeof dtype !== 'string' || !Object.hasOwn(constructors, dtype))
      throw new ProtocolError(`an array with name ${short(name)} and dtype ${short(dtype)}`);
    if (!isShape(shape)) throw new ProtocolError(`array "${name}" has shape ${short(shape)}`);
    const count = shape.reduce((product, n) => product * n, 1);
    const bytes = count * (dtype === 'u1' ? 1 : Number(dtype[1]));
    return { name, shape, type: constructors[dtype as Dtype], count, bytes };
  });
}

/** The arrays lie side by side in one buffer, which is ours, each at a multiple of 8 bytes; part i + 1 is array i. */
function unpackArrays(described: readonly Described[], parts: readonly Uint8Array[]): Record<string, NamedArray> {
  if (described.length !== parts.length - 2)
    throw new ProtocolError(`${parts.length - 2} arrays came, the header describes ${described.length}`);
  let room = 0;
  for (let i = 0; i < described.length; i++) {
    const { name, bytes } = described[i]!;
    const given = parts[i + 1]!.length;
    if (bytes !== given) throw new ProtocolError(`array "${name}" has ${given} bytes, its shape says ${bytes}`);
    room += (bytes + 7) & ~7;
  }
  const own = Buffer.allocUnsafe(room); // small ones share memory, which takes a third of the time
  const arrays: Record<string, NamedArray> = Object.create(null);
  let at = 0;
  for (let i = 0; i < described.length; i++) {
    const { name, shape, type, count, bytes } = described[i]!;
    own.set(parts[i + 1]!, at);
    arrays[name] = { shape, data: new type(own.buffer, own.byteOffset + at, count) };
    at += (bytes + 7) & ~7;
  }
  return arrays;
}

function littleEndian(bytes: Uint8Array): number {
  return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
}

/** A stranger's value in a message for a person: at most 80 characters. */
function short(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 80);
}

function isShape(shape: unknown): shape is number[] {
  return Array.isArray(shape) && shape.length <= 8 && shape.every(n => Number.isInteger(n) && n >= 0 && n <= MAX_BYTES);
}

function dtypeOf(data: WireArray): Dtype {
  if (data instanceof Float32Array) return 'f4';
  if (data instanceof Float64Array) return 'f8';
  if (data instanceof Int32Array) return 'i4';
  return data instanceof BigInt64Array ? 'i8' : 'u1';
}

function bytesOf(data: WireArray): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
