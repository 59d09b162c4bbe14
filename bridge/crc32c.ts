/**
 * CRC32C (Castagnoli, reflected polynomial 0x82f63b78), slicing by sixteen: table k says what a byte followed by k more
 * bytes adds to the checksum. The loop is a WebAssembly function, put together below: in JavaScript it takes three times as long.
 */
const SLICES = 16;
/** Bytes of a table of 256 32-bit numbers. Tables lie from address 0 on, what is summed behind them. */
const TABLE = 1024;
const START = SLICES * TABLE;
const PAGES = 4;
const ROOM = PAGES * 65536 - START;

// Numbers of WebAssembly's binary format (section 5): instructions,
const [BLOCK, LOOP, END, BR, BR_IF] = [0x02, 0x03, 0x0b, 0x0c, 0x0d] as const;
const [GET, SET, LOAD, LOAD8, CONST] = [0x20, 0x21, 0x28, 0x2d, 0x41] as const;
const [GT_U, ADD, AND, XOR, SHL, SHR_U] = [0x4b, 0x6a, 0x71, 0x73, 0x74, 0x76] as const;
// a type and a block without a value,
const [I32, VOID] = [0x7f, 0x40] as const;
// and the function's locals: three parameters and a word of the input.
const [CRC, FROM, TO, WORD] = [0, 1, 2, 3] as const;

/** What is used of WebAssembly: neither Node's types nor ES2023's have it. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Memory: new (descriptor: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  };
};
const memory = new WebAssembly.Memory({ initial: PAGES });
const bytes = new Uint8Array(memory.buffer);
fillTables(new Uint32Array(memory.buffer, 0, SLICES * 256));
const instance = new WebAssembly.Instance(new WebAssembly.Module(assemble()), { e: { m: memory } });
const advance = instance.exports.f as (crc: number, from: number, end: number) => number;

/** CRC32C of the parts, or of the first `count` of them, one after the other. */
export function crc32c(parts: readonly Uint8Array[], count = parts.length): number {
  let crc = -1;
  let end = START;
  for (let i = 0; i < count; i++) {
    const part = parts[i]!;
    for (let at = 0; at < part.length; ) {
      const size = Math.min(part.length - at, START + ROOM - end);
      bytes.set(size === part.length ? part : part.subarray(at, at + size), end);
      at += size;
      end += size;
      if (end < START + ROOM) break;
      crc = advance(crc, START, end);
      end = START;
    }
  }
  return ~advance(crc, START, end) >>> 0;
}

function fillTables(tables: Uint32Array): void {
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    tables[byte] = value;
  }
  for (let i = 256; i < tables.length; i++) tables[i] = (tables[i - 256]! >>> 8) ^ tables[tables[i - 256]! & 255]!;
}

/** The module: imports memory `e.m`, exports `f(crc, from, end)`, which returns the checksum's state after those bytes. */
function assemble(): Uint8Array<ArrayBuffer> {
  const code = [
    ...whileRoomFor(SLICES, sliceOf(SLICES)),
    ...whileRoomFor(1, oneByte()),
    ...[GET, CRC, END], // the result
  ];
  const body = [1, 1, I32, ...code];
  const section = (id: number, content: number[]) => [id, ...leb(content.length), ...content];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, I32, I32, I32, 1, I32]),
    ...section(2, [1, 1, 0x65, 1, 0x6d, 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

/** while (FROM + size <= TO) { step; FROM += size } */
function whileRoomFor(size: number, step: number[]): number[] {
  const leave = [GET, FROM, CONST, ...leb(size), ADD, GET, TO, GT_U, BR_IF, 1];
  const move = [GET, FROM, CONST, ...leb(size), ADD, SET, FROM, BR, 0];
  return [BLOCK, VOID, LOOP, VOID, ...leave, ...step, ...move, END, END];
}

/** CRC = table[size − 1][byte 0] ⊕ … ⊕ table[0][byte size − 1], the first four bytes having been added to CRC. */
function sliceOf(size: number): number[] {
  const code: number[] = [];
  for (let at = 0; at < size; at += 4) {
    code.push(GET, FROM, LOAD, 0, ...leb(at));
    if (at === 0) code.push(GET, CRC, XOR);
    code.push(SET, WORD);
    for (let i = 0; i < 4; i++) {
      const shift = i === 0 ? [CONST, 2, SHL] : [CONST, 8 * i - 2, SHR_U]; // to a multiple of 4: an address in a table
      code.push(GET, WORD, ...shift, CONST, ...leb(0x3fc), AND, LOAD, 2, ...leb((size - 1 - at - i) * TABLE));
      if (at + i > 0) code.push(XOR);
    }
  }
  return [...code, SET, CRC];
}

/** CRC = table[0][(CRC ⊕ byte) & 255] ⊕ (CRC >>> 8) */
function oneByte(): number[] {
  const index = [GET, FROM, LOAD8, 0, 0, GET, CRC, XOR, CONST, ...leb(0xff), AND, CONST, 2, SHL];
  return [...index, LOAD, 2, 0, GET, CRC, CONST, 8, SHR_U, XOR, SET, CRC];
}

/** A number below 2¹³ or, with one more bit for the sign, as LEB128. */
function leb(value: number): number[] {
  const out: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    if (rest < 0x40) return [...out, rest];
    out.push((rest & 0x7f) | 0x80);
  }
}
