export type ElementKind = 'float' | 'integer' | 'boolean';

/** An array of a file, before anything of it is read. */
export interface ArrayInfo {
  readonly path: string;
  readonly shape: readonly number[];
  readonly kind: ElementKind;
  /** Of one element: 4 or 8 for floats, 1 to 8 for whole numbers. */
  readonly bytes: number;
}

/** What an array is read into: its numbers are converted to this type. */
export type Target = Float32Array | Float64Array | Uint8Array;

export type Elements =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;
type LongElements = BigInt64Array | BigUint64Array;

/** No collection is larger; a file that claims more is a mistake or an attack. */
export const LARGEST_BYTES = 8 * 2 ** 30;
/** Deflate shrinks 1032 : 1 at best, so a file that claims more holds nothing for most of it. */
export const LARGEST_EXPANSION = 1100;

/** `length` little-endian numbers of a buffer, in place (64-bit whole numbers as a copy). */
export function elements(
  buffer: ArrayBuffer,
  at: number,
  length: number,
  { kind, bytes }: Pick<ArrayInfo, 'kind' | 'bytes'>,
  signed: boolean,
): Elements {
  if (kind === 'float') return new (bytes === 8 ? Float64Array : Float32Array)(buffer, at, length);
  if (bytes === 1) return new (signed ? Int8Array : Uint8Array)(buffer, at, length);
  if (bytes === 2) return new (signed ? Int16Array : Uint16Array)(buffer, at, length);
  if (bytes === 4) return new (signed ? Int32Array : Uint32Array)(buffer, at, length);
  const long: LongElements = new (signed ? BigInt64Array : BigUint64Array)(buffer, at, length);
  return Float64Array.from(long, Number);
}
