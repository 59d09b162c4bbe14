import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import type { ArrayInfo, Target } from './hdf5Array.ts';
import { LibraryFile } from './hdf5Library.ts';
import { PlainFile } from './hdf5Plain.ts';
import { Unusual } from './hdf5Source.ts';

const SIGNATURE = '\x89HDF\r\n\x1a\n';

/** An HDF5 file opened for reading; whatever is wrong with it throws a `UsageError` naming the file and the array. */
export interface Hdf5File {
  readonly path: string;
  /** Names of the arrays and groups of a group, the file's own where none is named. */
  keys(group?: string): string[];
  /** What stands at a path. */
  typeOf(path: string): 'array' | 'group' | 'none';
  /** Throws for anything but a plain array of real numbers, whole numbers or truth values stored in this file. */
  info(path: string): ArrayInfo;
  /** Reads an array [n] or [n, width] into `into` [n × width] from `offset` on, converting to its type. */
  readInto(path: string, into: Target, offset?: number): void;
}

/**
 * What `read` makes of an HDF5 file. Where something about the file is out of the ordinary, `read` is called a second
 * time, upon the library. Throws `UsageError` if the file is missing, no regular file, empty, not HDF5 or damaged.
 */
export async function readHdf5<T>(path: string, read: (file: Hdf5File) => T): Promise<T> {
  const size = checkHead(path);
  try {
    return closing(new PlainFile(path, size), read);
  } catch (error) {
    const cutOff = error instanceof RangeError; // a damaged piece may end anywhere
    if (!(error instanceof Unusual || cutOff)) throw error;
  }
  return closing(await LibraryFile.open(path, size), read);
}

function closing<F extends Hdf5File & { close(): void }, T>(file: F, read: (file: F) => T): T {
  try {
    return read(file);
  } finally {
    file.close();
  }
}

/** Size in bytes; throws `UsageError` before the library sees what is plainly no HDF5 file. */
function checkHead(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw new UsageError(`there is no file ${path}`);
  if (!stats.isFile()) throw new UsageError(`${path} is no regular file`);
  if (stats.size === 0) throw new UsageError(`${path} is empty`);
  const head = Buffer.alloc(64);
  const file = openSync(path, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  const start = head.toString('latin1');
  if (start.startsWith('version https://git-lfs'))
    throw new UsageError(`${path} is a Git LFS pointer, not the file itself`);
  if (/^\s*<(!doctype|html|\?xml)/i.test(start)) throw new UsageError(`${path} is a web page, not an HDF5 file`);
  if (!start.startsWith(SIGNATURE)) throw new UsageError(`${path} is not an HDF5 file: its signature is missing`);
  return stats.size;
}
