import { Packr } from 'msgpackr';
import { AgentError } from '../src/errors.ts';
import { type Plain, unpackHeader } from './msgpack.ts';

export const PROTOCOL_VERSION = 1;
export const MAX_HEADER = 64 * 1024;
export const MAX_ARRAYS = 64;
export const MAX_BYTES = 256 * 1024 * 1024;

export type WireArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
type Dtype = 'f4' | 'f8' | 'i4' | 'i8' | 'u1';

const constructors: Readonly<Record<Dtype, new (buffer: ArrayBuffer) => WireArray>> = {
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

const packr = new Packr({ useRecords: false });

/** ZeroMQ parts of a message. Throws `ProtocolError` for a header that is too large. */
export function encode({ type, id, fields, arrays }: Message): Buffer[] {
  const described = Object.entries(arrays).map(([name, { shape, data }]) => ({ name, dtype: dtypeOf(data), shape }));
  const header = packr.pack({ v: PROTOCOL_VERSION, id, type, arrays: described, ...fields });
  if (header.length > MAX_HEADER)
    throw new ProtocolError(`the header has ${header.length} bytes, at most ${MAX_HEADER} are allowed`);
  const parts = [header, ...Object.values(arrays).map(({ data }) => bytesOf(data))];
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32c(parts));
  return [...parts, checksum];
}

/** The inverse of `encode`: sizes are checked before anything is unpacked. Throws `ProtocolError`. */
export function decode(parts: readonly Uint8Array[]): Message {
  if (parts.length < 2 || parts.length > MAX_ARRAYS + 2)
    throw new ProtocolError(`${parts.length} parts, 2 to ${MAX_ARRAYS + 2} are wanted`);
  const [packed, ...rest] = parts as [Uint8Array, ...Uint8Array[]];
  const checksum = rest.pop()!;
  if (packed.length > MAX_HEADER)
    throw new ProtocolError(`a header of ${packed.length} bytes, at most ${MAX_HEADER} are allowed`);
  if (parts.reduce((sum, part) => sum + part.length, 0) > MAX_BYTES)
    throw new ProtocolError(`a message of more than ${MAX_BYTES} bytes`);
  if (checksum.length !== 4 || Buffer.from(checksum).readUInt32LE() !== crc32c(parts.slice(0, -1)))
    throw new ProtocolError('the checksum does not fit the message');
  const { v, id, type, arrays, ...fields } = readHeader(packed);
  if (v !== PROTOCOL_VERSION)
    throw new ProtocolError(
      `the simulator speaks protocol ${short(v)}, agent ${PROTOCOL_VERSION}: install the same version on both sides`,
      'version',
    );
  if (!Number.isSafeInteger(id) || (id as number) < 0 || typeof type !== 'string')
    throw new ProtocolError('a header without a valid id and type');
  return { type, id: id as number, fields, arrays: unpackArrays(arrays, rest) };
}

function readHeader(packed: Uint8Array): { readonly [key: string]: Plain } {
  let header: Plain;
  try {
    header = unpackHeader(packed);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ProtocolError(`the header cannot be read: ${error.message}`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new ProtocolError('the header is not a map');
  return header as { readonly [key: string]: Plain };
}

function unpackArrays(described: unknown, parts: readonly Uint8Array[]): Record<string, NamedArray> {
  if (!Array.isArray(described) || described.length !== parts.length)
    throw new ProtocolError(`${parts.length} arrays came, the header describes another number`);
  const arrays: Record<string, NamedArray> = Object.create(null);
  described.forEach((entry: { name?: unknown; dtype?: unknown; shape?: unknown } | null, i) => {
    const { name, dtype, shape } = entry ?? {};
    if (typeof name !== 'string' || name in arrays || typeof dtype !== 'string' || !Object.hasOwn(constructors, dtype))
      throw new ProtocolError(`an array with name ${short(name)} and dtype ${short(dtype)}`);
    if (!isShape(shape)) throw new ProtocolError(`array "${name}" has shape ${short(shape)}`);
    const part = parts[i]!;
    const size = shape.reduce((product, n) => product * n, dtype === 'u1' ? 1 : Number(dtype[1]));
    if (size !== part.length)
      throw new ProtocolError(`array "${name}" has ${part.length} bytes, its shape says ${size}`);
    const copy = new Uint8Array(part).buffer; // aligned, and ours
    arrays[name] = { shape, data: new constructors[dtype as Dtype](copy) };
  });
  return arrays;
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

/** Slicing by eight: eight bytes a turn through eight tables. */
const tables = makeTables();

function makeTables(): Uint32Array[] {
  const all = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    all[0]![byte] = value;
  }
  for (let k = 1; k < 8; k++)
    for (let byte = 0; byte < 256; byte++) {
      const previous = all[k - 1]![byte]!;
      all[k]![byte] = (previous >>> 8) ^ all[0]![previous & 255]!;
    }
  return all;
}

/** CRC32C (Castagnoli) of the parts one after the other. */
export function crc32c(parts: readonly Uint8Array[]): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let crc = 0xffffffff;
  for (const part of parts) {
    let i = 0;
    for (const end = part.length - 7; i < end; i += 8) {
      const low = (crc ^ (part[i]! | (part[i + 1]! << 8) | (part[i + 2]! << 16) | (part[i + 3]! << 24))) >>> 0;
      crc =
        t7[low & 255]! ^
        t6[(low >>> 8) & 255]! ^
        t5[(low >>> 16) & 255]! ^
        t4[low >>> 24]! ^
        t3[part[i + 4]!]! ^
        t2[part[i + 5]!]! ^
        t1[part[i + 6]!]! ^
        t0[part[i + 7]!]!;
    }
    for (; i < part.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ part[i]!) & 255]!;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
