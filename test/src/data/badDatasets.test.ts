import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readD4rl } from '../../../src/data/d4rl.ts';
import { Dataset } from '../../../src/data/dataset.ts';
import { admit, loadHdf5 } from '../../../src/data/hdf5Module.ts';
import { type WrittenArray, writeHdf5 } from '../../../src/data/hdf5Writer.ts';
import { locate } from '../../../src/data/locate.ts';
import { readMinari } from '../../../src/data/minari.ts';
import { checkAgainst, readLocated } from '../../../src/data/openDataset.ts';
import { AgentError } from '../../../src/errors.ts';
import { arraysOf, scratch, writeSet } from './collections.ts';

type Arrays = Record<string, WrittenArray>;
const ROWS = 30;

/** A good collection with one thing wrong in it. */
async function spoilt(change: (arrays: Arrays) => void): Promise<string> {
  const arrays = arraysOf({ rows: ROWS });
  change(arrays);
  const path = scratch('spoilt.hdf5');
  await writeHdf5(path, arrays);
  return path;
}

const floats = (shape: number[], fill = 0.5): WrittenArray => ({
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(fill),
  shape,
});
const integers = (shape: number[], fill = 0): WrittenArray => ({
  data: new Int32Array(shape.reduce((a, b) => a * b, 1)).fill(fill),
  shape,
});
function put(array: WrittenArray, at: number, value: number): void {
  array.data[at] = value;
}

const open = async (path: string) => new Dataset(await readD4rl(path), { name: path }).checkActions();

/** [what is wrong, how, what the message says] */
const semantics: readonly [string, (arrays: Arrays) => void, RegExp][] = [
  [
    'no observations',
    a => delete a.observations,
    /has no "observations": it has actions, rewards, terminals, timeouts/,
  ],
  ['no actions', a => delete a.actions, /has no "actions"/],
  ['no rewards', a => delete a.rewards, /has no "rewards"/],
  ['no terminals', a => delete a.terminals, /has no "terminals"/],
  ['no timeouts, unknown time limit', a => delete a.timeouts, /has no "timeouts", and the time limit .* not known/],
  ['nothing at all', a => Object.keys(a).map(key => delete a[key]), /has no "observations": it has no arrays/],
  ['no steps', a => Object.assign(a, arraysOf({ rows: 0 })), /is empty: it has 0 steps|holds nothing/],
  ['one step', a => Object.assign(a, arraysOf({ rows: 1 })), /has 1 steps, which give no transition/],
  ['only timeouts', a => a.timeouts!.data.fill(1), /has 30 steps, which give no transition/],
  [
    'short actions',
    a => Object.assign(a, { actions: floats([ROWS - 1, 2]) }),
    /"actions" has 29 rows, "observations" has 30/,
  ],
  [
    'long rewards',
    a => Object.assign(a, { rewards: floats([ROWS + 1]) }),
    /"rewards" has 31 rows, "observations" has 30/,
  ],
  ['short terminals', a => Object.assign(a, { terminals: integers([3]) }), /"terminals" has 3 rows/],
  ['long timeouts', a => Object.assign(a, { timeouts: integers([31]) }), /"timeouts" has 31 rows/],
  [
    'flat observations',
    a => Object.assign(a, { observations: floats([ROWS]) }),
    /"observations" has shape \[30\], \[N, width\] is wanted/,
  ],
  ['flat actions', a => Object.assign(a, { actions: floats([ROWS]) }), /"actions" has shape \[30\]/],
  [
    'deep observations',
    a => Object.assign(a, { observations: floats([ROWS, 2, 2]) }),
    /"observations" has shape \[30, 2, 2\]/,
  ],
  [
    'wide rewards',
    a => Object.assign(a, { rewards: floats([ROWS, 2]) }),
    /"rewards" has shape \[30, 2\], \[N\] or \[N, 1\] is wanted/,
  ],
  ['wide terminals', a => Object.assign(a, { terminals: integers([ROWS, 2]) }), /"terminals" has shape \[30, 2\]/],
  ['wide timeouts', a => Object.assign(a, { timeouts: integers([ROWS, 3]) }), /"timeouts" has shape \[30, 3\]/],
  ['no width', a => Object.assign(a, { observations: floats([ROWS, 0]) }), /"observations"/],
  [
    'whole observations',
    a => Object.assign(a, { observations: integers([ROWS, 3]) }),
    /"observations" holds int32, float32 or float64 is wanted/,
  ],
  ['whole actions', a => Object.assign(a, { actions: integers([ROWS, 2]) }), /"actions" holds int32/],
  ['whole rewards', a => Object.assign(a, { rewards: integers([ROWS]) }), /"rewards" holds int32/],
  ['NaN observation', a => put(a.observations!, 7, Number.NaN), /"observations"\[2\]\[1\] is NaN/],
  ['infinite observation', a => put(a.observations!, 89, -Infinity), /"observations"\[29\]\[2\] is -Infinity/],
  ['NaN action', a => put(a.actions!, 1, Number.NaN), /"actions"\[0\]\[1\] is NaN/],
  ['NaN reward', a => put(a.rewards!, 11, Number.NaN), /"rewards"\[11\] is NaN/],
  ['infinite reward', a => put(a.rewards!, 12, Infinity), /"rewards"\[12\] is Infinity/],
  [
    'reward beyond float32',
    a => Object.assign(a, { rewards: { data: new Float64Array(ROWS).fill(1e39), shape: [ROWS] } }),
    /"rewards"\[0\] is Infinity, a finite float32 is wanted/,
  ],
  ['terminal 2', a => put(a.terminals!, 5, 2), /"terminals"\[5\] is 2, 0 or 1 is wanted/],
  ['timeout 255', a => put(a.timeouts!, 6, 255), /"timeouts"\[6\] is 255/],
  ['negative flag', a => Object.assign(a, { terminals: integers([ROWS], -1) }), /"terminals"\[0\] is -1/],
  ['flag beyond a byte', a => Object.assign(a, { timeouts: integers([ROWS], 256) }), /"timeouts"\[0\] is 256/],
  ['half a terminal', a => Object.assign(a, { terminals: floats([ROWS], 0.5) }), /"terminals"\[0\] is 0.5/],
  ['NaN flag', a => Object.assign(a, { timeouts: floats([ROWS], Number.NaN) }), /"timeouts"\[0\] is NaN/],
  ['action beyond its bounds', a => put(a.actions!, 5, 1.5), /"actions"\[2\]\[1\] is 1.5, actions lie in \[-1, 1\]/],
  [
    'a group for an array',
    a => {
      delete a.actions;
      Object.assign(a, { 'actions/first': floats([ROWS, 2]) });
    },
    /"actions" is a group, an array is wanted/,
  ],
  [
    'a group for flags',
    a => {
      delete a.terminals;
      Object.assign(a, { 'terminals/x': floats([1]) });
    },
    /"terminals" is a group/,
  ],
  [
    'a number for an array',
    a => Object.assign(a, { rewards: { data: Float32Array.of(1), shape: [] } }),
    /"rewards" has shape \[\]/,
  ],
];

describe('datasets that mean nothing', () => {
  it.each(semantics)('%s', async (_, change, message) => {
    const path = await spoilt(change);
    const error = await open(path).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(AgentError);
    expect((error as AgentError).message).toMatch(message);
    expect((error as AgentError).exitCode).toBe(2);
  });

  it('another task than the name says', async () => {
    const path = await writeSet(scratch('hopper_medium-v2.hdf5'), { rows: ROWS });
    const located = locate(path, dirname(path));
    expect(located.entry?.name).toBe('hopper-medium-v2');
    await expect(readLocated(located)).rejects.toThrow(
      /is not what its name says: observations have 3 numbers, those of hopper-medium-v2 11/,
    );
    const steps = await readD4rl(path);
    expect(() => checkAgainst('x', located.entry!, { ...steps, obsDim: 11, actDim: 3 })).not.toThrow();
  });
});

describe('files that cannot be read', () => {
  const refused = async (path: string) => {
    const error = await readD4rl(path).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(AgentError);
    expect((error as AgentError).exitCode).toBe(2);
    return (error as AgentError).message;
  };

  it('missing, a folder, empty, text, a web page, a pointer', async () => {
    const path = scratch('thing.hdf5');
    expect(await refused(path)).toBe(`there is no file ${path}`);
    expect(await refused(dirname(path))).toMatch(/is no regular file/);
    writeFileSync(path, '');
    expect(await refused(path)).toMatch(/is empty/);
    writeFileSync(path, 'observations 1 2 3');
    expect(await refused(path)).toMatch(/is not an HDF5 file/);
    writeFileSync(path, '<!DOCTYPE html><title>404</title>');
    expect(await refused(path)).toMatch(/is a web page/);
    writeFileSync(path, 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n');
    expect(await refused(path)).toMatch(/is a Git LFS pointer/);
    writeFileSync(path, Buffer.from('\x89HDF\r\n\x1a\n and no more', 'latin1'));
    expect(await refused(path)).toMatch(/cannot be opened as HDF5/);
  });

  it('cut off anywhere', async () => {
    const path = await writeSet(scratch('cut.hdf5'), { rows: 500 });
    const whole = readFileSync(path);
    for (const part of [0.99, 0.9, 0.5, 0.1]) {
      writeFileSync(path, whole);
      truncateSync(path, Math.floor(whole.length * part));
      expect(await refused(path)).toMatch(/cannot be opened as HDF5: .*(truncated|eof)/i);
    }
  });

  it('a flipped bit in compressed numbers', async () => {
    const path = scratch('flipped.hdf5');
    const arrays = arraysOf({ rows: 4000 });
    await writeHdf5(path, arrays);
    const bytes = readFileSync(path);
    // zlib streams begin with 78 5e (level 4): hit the first in its middle
    const start = bytes.indexOf(Buffer.from([0x78, 0x5e]));
    expect(start).toBeGreaterThan(0);
    bytes[start + 200]! ^= 16;
    writeFileSync(path, bytes);
    expect(await refused(path)).toMatch(/"(observations|actions|rewards|terminals|timeouts)" is damaged/);
  });
});

describe('files that reach out', () => {
  interface CraftedFile {
    create_external_link(file: string, target: string, name: string): number;
    create_soft_link(target: string, name: string): number;
    close(): void;
  }
  /** Adds to a file, with the library itself, what the writer here would not write. */
  async function craft(path: string, make: (file: CraftedFile) => void): Promise<void> {
    await loadHdf5();
    const { File } = await import('h5wasm/node');
    admit(path);
    const file: CraftedFile = new File(path, 'a');
    make(file);
    file.close();
    admit(undefined);
  }

  it('an external link to another file is refused, and that file not opened', async () => {
    const secret = await writeSet(scratch('secret.hdf5'), { rows: ROWS });
    const path = scratch('linking.hdf5');
    const { observations: _, ...arrays } = arraysOf({ rows: ROWS });
    await writeHdf5(path, arrays);
    await craft(path, file => expect(file.create_external_link(secret, '/observations', 'observations')).toBe(0));
    await expect(readD4rl(path)).rejects.toThrow(
      /"observations" (refers to another file, .*secret.hdf5|is a link to another file)/,
    );
  });

  it('a soft link within the file is followed', async () => {
    const path = scratch('soft.hdf5');
    const { rewards, ...arrays } = arraysOf({ rows: ROWS });
    await writeHdf5(path, { ...arrays, gains: rewards! });
    await craft(path, file => file.create_soft_link('/gains', 'rewards'));
    expect((await readD4rl(path)).rewards[8]).toBe(1);
  });

  it('a symbolic link of the file system is the user’s own and is followed', async () => {
    const path = await writeSet(scratch('target.hdf5'), { rows: ROWS });
    const link = join(dirname(path), 'link.hdf5');
    symlinkSync(path, link);
    expect((await readD4rl(link)).rows).toBe(ROWS);
  });
});

describe('bad Minari sets', () => {
  const episode = (steps: number): Arrays => ({
    'episode_0/observations': floats([steps + 1, 3]),
    'episode_0/actions': floats([steps, 2]),
    'episode_0/rewards': floats([steps]),
    'episode_0/terminations': integers([steps]),
    'episode_0/truncations': integers([steps]),
  });
  const reading = async (change: (arrays: Arrays) => void, metadata?: string) => {
    const path = scratch('data/main_data.hdf5');
    const arrays = episode(4);
    change(arrays);
    mkdirSync(dirname(path), { recursive: true });
    await writeHdf5(path, arrays);
    if (metadata !== undefined) writeFileSync(join(dirname(path), 'metadata.json'), metadata);
    return readMinari(path);
  };

  it.each<[string, (arrays: Arrays) => void, RegExp]>([
    ['no episodes', a => Object.keys(a).map(key => delete a[key]), /has no episodes/],
    ['no actions', a => delete a['episode_0/actions'], /has no array "episode_0\/actions"/],
    ['no flags', a => delete a['episode_0/truncations'], /has no array "episode_0\/truncations"/],
    [
      'an observation too few',
      a => Object.assign(a, { 'episode_0/observations': floats([4, 3]) }),
      /"episode_0\/observations" has shape \[4, 3\], \[5, 3\] is wanted/,
    ],
    [
      'whole rewards',
      a => Object.assign(a, { 'episode_0/rewards': integers([4]) }),
      /"episode_0\/rewards" holds integer values/,
    ],
    ['NaN', a => put(a['episode_0/rewards']!, 2, Number.NaN), /"rewards"\[2\] is NaN/],
    ['flag 3', a => put(a['episode_0/terminations']!, 1, 3), /"episode_0\/terminations"\[1\] is 3/],
  ])('%s', async (_, change, message) => {
    await expect(reading(change)).rejects.toThrow(message);
  });

  it('metadata that is not JSON, or bounds of other actions', async () => {
    await expect(reading(() => {}, '{"dataset_id": ')).rejects.toThrow(/metadata.json is not JSON/);
    const space = { type: 'Box', low: [-1], high: [1] };
    await expect(reading(() => {}, JSON.stringify({ action_space: JSON.stringify(space) }))).rejects.toThrow(
      /actions of 2 numbers, its metadata bounds 1/,
    );
  });
});
