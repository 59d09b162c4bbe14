import { closeSync, openSync, readSync } from 'node:fs';

/** A file that the plain reader does not know in every detail, or that is damaged: the library is to read it, or to refuse it. */
export class Unusual extends Error {}

/** Bytes of an open file. What lies outside of it, and numbers no file is long enough for, throw `Unusual`. */
export class Source {
  readonly size: number;
  readonly #file: number;

  constructor(path: string, size: number) {
    this.size = size;
    this.#file = openSync(path, 'r');
  }

  close(): void {
    closeSync(this.#file);
  }

  /** `length` bytes from `at` on, put at the start of a buffer where one is given. */
  bytes(at: number, length: number, given?: Buffer): Buffer {
    if (at + length > this.size) throw new Unusual(`${length} bytes at ${at} of ${this.size}`);
    const into = given ?? Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#file, into, done, length - done, at + done);
      if (count === 0) throw new Unusual(`${length} bytes at ${at}, the file ends at ${at + done}`);
      done += count;
    }
    return into.subarray(0, length);
  }
}

/** An unsigned 64-bit number. */
export function long(bytes: Buffer, at: number): number {
  if (at + 8 > bytes.length) throw new Unusual('a number is cut off');
  const high = bytes.readUInt32LE(at + 4);
  if (high >= 2 ** 20) throw new Unusual('an address or a size beyond 2^52');
  return bytes.readUInt32LE(at) + high * 2 ** 32;
}

/** Throws `Unusual` unless it holds: for what every file of the plain kind has. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Unusual(what);
}
