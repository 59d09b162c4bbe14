import { describe, expect, it } from 'vitest';
import { Rng } from '../../../src/random/rng.ts';
import { decodeSafetensors, encodeSafetensors, SafetensorsError, stored } from '../../../src/runs/safetensors.ts';

const tensors = new Map([
  ['flags', stored(Uint8Array.of(1, 2, 3))],
  ['weight', stored(Float32Array.of(1.5, -0, 3e-40, 4, 5, 6), [2, 3])],
  ['state', stored(Float64Array.of(Math.PI, Number.NaN, Number.POSITIVE_INFINITY))],
  ['counter', stored(Int32Array.of(-7), [])],
  ['none', stored(new Float32Array(0), [0, 4])],
]);
const encode = (...args: Parameters<typeof encodeSafetensors>) => Buffer.concat(encodeSafetensors(...args));

/** A file with a header written by hand. */
function file(header: string, data: number): Buffer {
  const front = Buffer.alloc(8);
  front.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([front, Buffer.from(header), Buffer.alloc(data)]);
}

describe('safetensors', () => {
  it('comes back bit for bit, with metadata, whatever the alignment of the bytes', () => {
    const bytes = encode(tensors, { note: 'é' });
    for (const shift of [0, 1, 3]) {
      const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
      shifted.set(bytes);
      const read = decodeSafetensors(shifted);
      expect(read.metadata).toEqual({ note: 'é' });
      expect([...read.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
      for (const [name, tensor] of tensors) expect(read.tensors.get(name)).toEqual(tensor);
      expect(Object.is(read.tensors.get('weight')!.data[1], -0)).toBe(true);
    }
  });

  it('starts the data at a multiple of 8 and has the layout of the format', () => {
    const bytes = encode(new Map([['a', stored(Float32Array.of(1))]]));
    const length = Number(bytes.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    expect(JSON.parse(bytes.toString('utf8', 8, 8 + length))).toEqual({
      a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
    });
    expect(bytes.readFloatLE(8 + length)).toBe(1);
    expect(bytes.length).toBe(8 + length + 4);
  });

  it('is not bothered by names that objects have of themselves', () => {
    const odd = new Map([
      ['__proto__', stored(Float32Array.of(1))],
      ['constructor', stored(Float32Array.of(2))],
    ]);
    const read = decodeSafetensors(encode(odd)).tensors;
    expect(read.get('__proto__')!.data[0]).toBe(1);
    expect(read.get('constructor')!.data[0]).toBe(2);
  });

  it.each([
    ['too short', Buffer.alloc(7), /7 bytes are too few/],
    ['a huge header', Buffer.from('ffffffffffffff7f7b7d', 'hex'), /a header of/],
    ['a header longer than the file', file('{}', 0).subarray(0, 9), /the header takes 2 bytes/],
    ['no JSON', file('{"a"', 0), /not JSON/],
    ['no object', file('[]', 0), /not an object/],
    ['text that is not UTF-8', Buffer.from('02000000000000007bff', 'hex'), /not JSON/],
    ['a foreign type', file('{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}', 1), /type "F8"/],
    ['a negative size', file('{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}', 0), /shape \[-1\]/],
    ['a fraction', file('{"a":{"dtype":"U8","shape":[0.5],"data_offsets":[0,0]}}', 0), /shape \[0.5\]/],
    ['out of range', file('{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}', 8), /bytes 0 to 9 of 8/],
    ['backwards', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[2,1]}}', 8), /bytes 2 to 1/],
    [
      'shape and bytes apart',
      file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}', 8),
      /8 bytes, its shape \[1\] takes 4/,
    ],
    [
      'an overflowing shape',
      file('{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}', 0),
      /takes/,
    ],
    [
      'an overlap',
      file(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        3,
      ),
      /"b" starts at byte 1, the one before ends at 2/,
    ],
    ['a gap', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', 2), /starts at byte 1/],
    [
      'bytes left over',
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 2),
      /end at byte 1, the data at 2/,
    ],
    [
      'one name twice',
      file(
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
        0,
      ),
      /two tensors are called "a"/,
    ],
    ['metadata that is no text', file('{"__metadata__":{"a":1}}', 0), /__metadata__/],
  ])('refuses %s', (_what, bytes, message) => {
    expect(() => decodeSafetensors(bytes)).toThrow(SafetensorsError);
    expect(() => decodeSafetensors(bytes)).toThrow(message);
  });

  it('refuses to write what it would not read', () => {
    expect(() => encodeSafetensors(new Map([['a', stored(Float32Array.of(1, 2), [3])]]))).toThrow(/a has 2 numbers/);
    expect(() => encodeSafetensors(new Map([['__metadata__', stored(Float32Array.of(1))]]))).toThrow(
      /cannot be called/,
    );
    const wrong = { dtype: 'F64' as const, shape: [1], data: Float32Array.of(1) };
    expect(() => encodeSafetensors(new Map([['a', wrong]]))).toThrow(/not of type F64/);
  });

  it('answers 5 000 mutations with its own error or sound tensors, never otherwise', () => {
    const rng = new Rng(1);
    const whole = encode(tensors, { note: 'x' });
    let refused = 0;
    for (let i = 0; i < 5000; i++) {
      let bytes = Buffer.from(whole);
      for (let n = rng.integer(3); n >= 0; n--) bytes[rng.integer(bytes.length)]! ^= 1 << rng.integer(8);
      if (rng.integer(4) === 0) bytes = bytes.subarray(0, rng.integer(bytes.length));
      try {
        for (const { shape, data } of decodeSafetensors(bytes).tensors.values())
          expect(shape.reduce((a, b) => a * b, 1)).toBe(data.length);
      } catch (error) {
        if (!(error instanceof SafetensorsError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(2000);
  });
});
