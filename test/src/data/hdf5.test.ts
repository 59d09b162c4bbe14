import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Hdf5File, readHdf5 } from '../../../src/data/hdf5.ts';
import { LibraryFile } from '../../../src/data/hdf5Library.ts';
import { PlainFile } from '../../../src/data/hdf5Plain.ts';
import { Unusual } from '../../../src/data/hdf5Source.ts';
import { writeHdf5 } from '../../../src/data/hdf5Writer.ts';
import { Rng } from '../../../src/random/rng.ts';
import { trials } from '../../faults/toyRun.ts';
import { fixturesDir } from '../../reference.ts';
import { scratch } from './collections.ts';

const folder = join(fixturesDir, 'datasets');
const layouts = join(folder, 'layouts.hdf5');
/** What h5py wrote. */
const expected: Record<string, number[] | number[][]> = JSON.parse(readFileSync(join(folder, 'layouts.json'), 'utf8'));

function contents(file: Hdf5File, name: string): Float64Array {
  const values = new Float64Array(file.info(name).shape.reduce((a, b) => a * b, 1));
  file.readInto(name, values);
  return values;
}

const plain = (path: string) => new PlainFile(path, statSync(path).size);

describe('files of the plain kind', () => {
  it.each(Object.keys(expected))('%s: every number is what h5py wrote, without the library', name => {
    const file = plain(layouts);
    expect(Array.from(contents(file, name))).toEqual(expected[name]!.flat());
    file.close();
  });

  it('knows what stands where', () => {
    const file = plain(layouts);
    expect(file.keys()).toEqual([...Object.keys(expected), 'group', 'many'].sort());
    expect([file.typeOf('group'), file.typeOf('/group/inner'), file.typeOf('group/outer')]).toEqual([
      'group',
      'array',
      'none',
    ]);
    expect(file.info('flags')).toEqual({ path: 'flags', shape: [90], kind: 'boolean', bytes: 1 });
    expect(file.info('longs')).toEqual({ path: 'longs', shape: [20, 2], kind: 'integer', bytes: 8 });
    expect(file.keys('many')).toHaveLength(300);
    expect(Array.from(contents(file, 'many/name217'))).toEqual([217, 217.5]);
    file.close();
  });

  it('are what this program writes', async () => {
    const path = scratch('written.hdf5');
    const data = Float32Array.from({ length: 900_000 }, (_, i) => Math.sin(i));
    await writeHdf5(path, {
      wide: { data, shape: [300_000, 3] },
      'infos/goal': { data: data.slice(0, 8), shape: [4, 2] },
    });
    const file = plain(path);
    expect(Buffer.from(Float32Array.from(contents(file, 'wide')).buffer).equals(Buffer.from(data.buffer))).toBe(true);
    expect(file.info('infos/goal').shape).toEqual([4, 2]);
    file.close();
  });

  it('others go to the library', async () => {
    const path = join(folder, 'bigEndian.hdf5');
    const file = plain(path);
    expect(() => file.info('observations')).toThrow(Unusual);
    file.close();
    const kinds: string[] = [];
    await readHdf5(path, each => {
      kinds.push(each.constructor.name);
      return each.info('observations');
    });
    expect(kinds).toEqual(['PlainFile', 'LibraryFile']);
  });
});

/** All numbers of a file, by name, or the error that stands in the way of an array. */
function everything(file: Hdf5File & { close(): void }): Map<string, Float64Array | Error> {
  try {
    return new Map(Object.keys(expected).map(name => [name, attempt(() => contents(file, name))]));
  } finally {
    file.close();
  }
}

/** One to four bits turned over, or an end cut off. */
function mutant(whole: Buffer, rng: Rng): Buffer {
  const bytes = Buffer.from(whole);
  for (let left = 1 + rng.integer(4); left > 0; left--) bytes[rng.integer(bytes.length)]! ^= 1 << rng.integer(8);
  return rng.integer(8) === 0 ? bytes.subarray(0, rng.integer(bytes.length)) : bytes;
}

describe('mutants', () => {
  it('are read as they were or as the library reads them, or left to it', { timeout: 600_000 }, async () => {
    const rng = new Rng(3).split('plain mutants');
    const whole = readFileSync(layouts);
    const path = scratch('mutant.hdf5');
    const counts = { same: 0, changed: 0, left: 0 };
    for (let i = 0; i < trials(300, 12_000); i++) {
      const bytes = mutant(whole, rng);
      writeFileSync(path, bytes);
      const read = attempt(() => everything(plain(path)));
      if (read instanceof Error) expect(read).toBeInstanceOf(Unusual);
      for (const [name, values] of read instanceof Error ? [] : read) {
        if (values instanceof Error) {
          expect(values instanceof Unusual || values instanceof RangeError, `mutant ${i}: ${values}`).toBe(true);
          counts.left++;
        } else if (isDeepStrictEqual(Array.from(values), expected[name]!.flat())) counts.same++;
        else {
          const library = everything(await LibraryFile.open(path, bytes.length));
          expect(isDeepStrictEqual(values, library.get(name)), `mutant ${i}, ${name}`).toBe(true);
          counts.changed++;
        }
      }
    }
    expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).toBeGreaterThan(0);
  });
});

function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error as Error;
  }
}
