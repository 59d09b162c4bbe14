import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type WrittenArray, writeHdf5 } from '../../../src/data/hdf5Writer.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A path in a folder of its own, which is removed after the tests of the file. */
export function scratch(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'agent-data-'));
  folders.push(folder);
  return join(folder, name);
}

export interface SetOptions {
  readonly rows: number;
  readonly obsDim?: number;
  readonly actDim?: number;
  readonly terminals?: readonly number[];
  /** Absent: none; given as undefined: no such array. */
  readonly timeouts?: readonly number[];
}

/** The arrays of a small collection: observation [i][j] = i + j / 4, action [i][j] = ±½, reward [i] = i / 8. */
export function arraysOf(options: SetOptions): Record<string, WrittenArray> {
  const { rows, obsDim = 3, actDim = 2 } = options;
  const flags = (given: readonly number[] | undefined) => ({
    data: Uint8Array.from(given ?? new Array<number>(rows).fill(0)),
    shape: [rows],
  });
  const arrays: Record<string, WrittenArray> = {
    observations: {
      data: Float32Array.from({ length: rows * obsDim }, (_, k) => Math.floor(k / obsDim) + (k % obsDim) / 4),
      shape: [rows, obsDim],
    },
    actions: { data: Float32Array.from({ length: rows * actDim }, (_, k) => (k % 2) - 0.5), shape: [rows, actDim] },
    rewards: { data: Float32Array.from({ length: rows }, (_, i) => i / 8), shape: [rows] },
    terminals: flags(options.terminals),
    timeouts: flags(options.timeouts),
  };
  if ('timeouts' in options && options.timeouts === undefined) delete arrays.timeouts;
  return arrays;
}

/** Writes such a collection and returns its path. */
export async function writeSet(path: string, options: SetOptions): Promise<string> {
  await writeHdf5(path, arraysOf(options));
  return path;
}
