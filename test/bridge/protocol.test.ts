import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../bridge/crc32c.ts';
import { HeaderReader, unpackHeader } from '../../bridge/msgpack.ts';
import { decode, encode, Form, MAX_BYTES, ProtocolError } from '../../bridge/protocol.ts';
import { Rng } from '../../src/random/rng.ts';

interface Expected {
  readonly type: string;
  readonly id: number;
  readonly fields: Record<string, unknown>;
  readonly arrays: Record<string, string>;
  readonly shapes: Record<string, number[]>;
}

const folder = new URL('../../bridge/fixtures/', import.meta.url);
const index = JSON.parse(readFileSync(new URL('index.json', folder), 'utf8')) as Record<
  string,
  { message?: Expected; refused?: string }
>;

function partsOf(name: string): Buffer[] {
  const bytes = readFileSync(new URL(`${name}.bin`, folder));
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at);
    parts.push(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return parts;
}

const hex = (data: ArrayBufferView) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');

describe('messages', () => {
  it('every fixture is read', () => {
    const files = readdirSync(folder).filter(name => name.endsWith('.bin'));
    expect(files.sort()).toEqual(
      Object.keys(index)
        .map(name => `${name}.bin`)
        .sort(),
    );
  });

  it.each(Object.keys(index).filter(name => index[name]!.message))('%s is read, and written again', name => {
    const expected = index[name]!.message!;
    let message = decode(partsOf(name));
    for (let turn = 0; turn < 2; turn++) {
      expect([message.type, message.id]).toEqual([expected.type, expected.id]);
      expect(JSON.parse(JSON.stringify(message.fields))).toEqual(expected.fields);
      expect(Object.fromEntries(Object.entries(message.arrays).map(([key, { data }]) => [key, hex(data)]))).toEqual(
        expected.arrays,
      );
      expect(Object.fromEntries(Object.entries(message.arrays).map(([key, { shape }]) => [key, shape]))).toEqual(
        expected.shapes,
      );
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
      message = decode(encode(message));
    }
  });

  it.each(Object.keys(index).filter(name => index[name]!.refused))('%s is refused', name => {
    let caught: unknown;
    try {
      decode(partsOf(name));
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(ProtocolError);
    expect((caught as ProtocolError).code).toBe(index[name]!.refused);
    expect((caught as ProtocolError).message.length).toBeLessThan(300);
  });

  it('refuses to send or take what is too large', () => {
    const large = { type: 'x', id: 0, fields: { text: 'y'.repeat(65_536) }, arrays: {} };
    expect(() => encode(large)).toThrow(/at most 65536/);
    const [header] = encode({ type: 'x', id: 0, fields: {}, arrays: {} });
    expect(() => decode([header!, Buffer.alloc(MAX_BYTES), Buffer.alloc(4)])).toThrow(/more than 268435456 bytes/);
  });

  it('a form writes what encode writes, whatever k and id are', () => {
    const arrays = {
      actions: { shape: [1, 2], data: Float32Array.of(0.5, -1) },
      seeds: { shape: [1], data: BigInt64Array.of(7n) },
    };
    const form = new Form('step', { session: 'ab'.repeat(16) }, arrays);
    for (const [k, id] of [
      [0, 1],
      [70_000, 128],
      [2 ** 33 + 5, 2 ** 52 + 3],
    ] as const) {
      const data = Float32Array.of(k, id);
      const message = decode(form.parts(k, id, [data, arrays.seeds.data]));
      const fields = { session: 'ab'.repeat(16), k };
      const written = { type: 'step', id, fields, arrays: { ...arrays, actions: { shape: [1, 2], data } } };
      expect(message).toEqual(decode(encode(written)));
      expect(message).toMatchObject(written);
    }
  });

  it('a header like the one before is read as any other', () => {
    const rng = new Rng(2);
    const [base] = encode({ type: 'step', id: 70_000, fields: { code: [1, { a: 'id' }] }, arrays: {} });
    const read = (from: () => unknown) => {
      try {
        return from();
      } catch (error) {
        return String(error);
      }
    };
    let good = 0;
    for (let trial = 0; trial < 5000; trial++) {
      const mutant = Buffer.from(base!);
      const at = trial % 2 ? mutant.length - 1 - rng.integer(6) : rng.integer(mutant.length);
      mutant[at] = rng.integer(256);
      const reader = new HeaderReader();
      reader.read(base!);
      const seen = read(() => {
        const { entries, id } = reader.read(mutant);
        return { entries: { ...(entries as object), id }, id };
      });
      const plain = read(() => {
        const entries = unpackHeader(mutant) as { readonly id?: unknown };
        return { entries: { ...entries, id: entries.id }, id: entries.id };
      });
      if (typeof plain !== 'string') good++;
      else expect(seen).toBeTypeOf('string');
      if (typeof plain !== 'string') expect(seen).toEqual(plain);
    }
    expect(good).toBeGreaterThan(1000);
    expect(good).toBeLessThan(5000);
  });

  it('computes the checksum of RFC 3720', () => {
    const published = { '313233343536373839': 0xe3069283, [Buffer.alloc(32).toString('hex')]: 0x8a9136aa };
    for (const [input, sum] of Object.entries(published)) expect(crc32c([Buffer.from(input, 'hex')])).toBe(sum);
    const bytes = Buffer.from(Array.from({ length: 1001 }, (_, i) => (i * 7919) & 255));
    const parts = [bytes.subarray(0, 3), Buffer.alloc(0), bytes.subarray(3, 500), bytes.subarray(500)];
    expect(crc32c(parts)).toBe(crc32c([bytes]));
  });

  it('survives mutated headers: refused with our error, or read', { timeout: 60_000 }, () => {
    const rng = new Rng(1);
    const [head, ...rest] = partsOf('kinds') as [Buffer, ...Buffer[]];
    const arrays = rest.slice(0, -1);
    let read = 0;
    for (let trial = 0; trial < 20_000; trial++) {
      let mutant = Buffer.from(head);
      for (let n = 1 + rng.integer(3); n > 0; n--) mutant[rng.integer(mutant.length)] = rng.integer(256);
      if (trial % 3 === 0) mutant = mutant.subarray(0, rng.integer(mutant.length));
      const checksum = Buffer.alloc(4);
      checksum.writeUInt32LE(crc32c([mutant, ...arrays]));
      try {
        decode([mutant, ...arrays, checksum]);
        read++;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(20_000);
    expect(decode(partsOf('kinds')).id).toBe(7);
  });
});
