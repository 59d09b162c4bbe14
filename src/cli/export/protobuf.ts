/** A field of a protocol-buffer message: its number, and a varint, text, bytes, 32-bit float or message. */
export type Field = readonly [number: number, value: number | bigint | string | Uint8Array | Float | readonly Field[]];

/** A 32-bit float; plain numbers are varints. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A message in the wire format of protocol buffers. */
export function encode(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number' || typeof value === 'bigint') return [varint(number << 3), varint(value)];
      if (value instanceof Float) {
        const bytes = Buffer.alloc(4);
        bytes.writeFloatLE(value.value);
        return [varint((number << 3) | 5), bytes];
      }
      const bytes =
        typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? value : encode(value);
      return [varint((number << 3) | 2), varint(bytes.length), bytes];
    }),
  );
}

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}
