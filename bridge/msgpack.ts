/** A header is nested at most so deep. */
export const MAX_DEPTH = 16;

/** What a header may hold. Maps have no prototype. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

const text = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads one msgpack value that fills `bytes`: null, booleans, numbers, texts, lists, and maps with text keys.
 * A count or length is believed only as far as there are bytes, so memory stays in proportion to the input. Throws
 * `RangeError` for anything else: bytes missing or left over, binary data, extension types, nesting beyond `MAX_DEPTH`.
 */
export function unpackHeader(bytes: Uint8Array): Plain {
  return new Reader(bytes).all();
}

/** Headers remembered are at most so long. */
const LONGEST_KNOWN = 2048;

/** A header: all of it as it was when its entries before `id` were read first, and the id it has. */
export interface Header {
  readonly entries: Plain;
  readonly id: Plain | undefined;
}

/**
 * `unpackHeader` for one header after the other. From step to step they differ in the id alone; where that is the last entry,
 * what stands before it is read once, and `entries` is the same object again.
 */
export class HeaderReader {
  #known = Buffer.alloc(0);
  #entries: Plain = null;

  read(bytes: Uint8Array): Header {
    const size = this.#known.length;
    if (size > 0 && bytes.length > size && this.#known.compare(bytes, 0, size) === 0)
      return { entries: this.#entries, id: new Reader(bytes, size).all() };
    const reader = new Reader(bytes);
    const entries = reader.all();
    const id = typeof entries === 'object' && entries !== null && 'id' in entries ? entries.id : undefined;
    if (reader.lastKey === 'id' && bytes.length <= LONGEST_KNOWN) {
      this.#known = Buffer.from(bytes.subarray(0, reader.lastValueAt));
      this.#entries = entries;
    }
    return { entries, id };
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;
  /** Of the outermost map: its last key, and where that key's value begins. */
  lastKey = '';
  lastValueAt = 0;

  constructor(bytes: Uint8Array, from = 0) {
    this.#bytes = bytes;
    this.#at = from;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  all(): Plain {
    const value = this.value(MAX_DEPTH);
    if (this.left !== 0) throw new RangeError(`${this.left} bytes follow it`);
    return value;
  }

  value(depth: number): Plain {
    if (depth === 0) throw new RangeError(`it is nested more than ${MAX_DEPTH} levels deep`);
    const code = this.#view.getUint8(this.#skip(1));
    if (code < 0x80) return code;
    if (code < 0x90) return this.#map(code & 15, depth);
    if (code < 0xa0) return this.#list(code & 15, depth);
    if (code < 0xc0) return this.#text(code & 31);
    if (code >= 0xe0) return code - 256;
    return code >= 0xca && code <= 0xd3 ? this.#number(code) : this.#other(code, depth);
  }

  #number(code: number): number {
    const view = this.#view;
    if (code === 0xca) return view.getFloat32(this.#skip(4));
    if (code === 0xcb) return view.getFloat64(this.#skip(8));
    if (code === 0xcc) return view.getUint8(this.#skip(1));
    if (code === 0xcd) return view.getUint16(this.#skip(2));
    if (code === 0xce) return view.getUint32(this.#skip(4));
    if (code === 0xcf) return Number(view.getBigUint64(this.#skip(8)));
    if (code === 0xd0) return view.getInt8(this.#skip(1));
    if (code === 0xd1) return view.getInt16(this.#skip(2));
    if (code === 0xd2) return view.getInt32(this.#skip(4));
    return Number(view.getBigInt64(this.#skip(8)));
  }

  #other(code: number, depth: number): Plain {
    const view = this.#view;
    if (code === 0xc0) return null;
    if (code === 0xc2 || code === 0xc3) return code === 0xc3;
    if (code === 0xd9) return this.#text(view.getUint8(this.#skip(1)));
    if (code === 0xda) return this.#text(view.getUint16(this.#skip(2)));
    if (code === 0xdb) return this.#text(view.getUint32(this.#skip(4)));
    if (code === 0xdc) return this.#list(view.getUint16(this.#skip(2)), depth);
    if (code === 0xdd) return this.#list(view.getUint32(this.#skip(4)), depth);
    if (code === 0xde) return this.#map(view.getUint16(this.#skip(2)), depth);
    if (code === 0xdf) return this.#map(view.getUint32(this.#skip(4)), depth);
    throw new RangeError(`it holds a value of msgpack type 0x${code.toString(16)}`);
  }

  #text(length: number): string {
    const from = this.#skip(length);
    try {
      return text.decode(this.#bytes.subarray(from, from + length));
    } catch (error) {
      throw new RangeError('a text in it is not UTF-8', { cause: error });
    }
  }

  #list(count: number, depth: number): readonly Plain[] {
    if (count > this.left) throw this.#short(count);
    const items: Plain[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(depth - 1));
    return items;
  }

  #map(count: number, depth: number): { readonly [key: string]: Plain } {
    if (2 * count > this.left) throw this.#short(2 * count);
    const out: Record<string, Plain> = Object.create(null);
    for (let i = 0; i < count; i++) {
      const key = this.value(depth - 1);
      if (typeof key !== 'string') throw new RangeError('a key in it is no text');
      if (depth === MAX_DEPTH) [this.lastKey, this.lastValueAt] = [key, this.#at];
      out[key] = this.value(depth - 1);
    }
    return out;
  }

  /** Moves on by `length` bytes; returns where they begin. */
  #skip(length: number): number {
    if (length > this.left) throw this.#short(length);
    const from = this.#at;
    this.#at += length;
    return from;
  }

  #short(wanted: number): RangeError {
    return new RangeError(`it ends at byte ${this.#bytes.length}, where ${wanted} more were announced`);
  }
}
