import { resolve } from 'node:path';
import type { ready } from 'h5wasm/node';

export type H5Module = Awaited<typeof ready>;

/** Codes of the library's own file system layer. */
const EACCES = 2;

/** The one file the library may open, the other file it last asked for, and what it said on stderr since. */
let admitted: string | undefined;
let refused: string | undefined;
let said = '';

let loading: Promise<H5Module> | undefined;
/** How many instances were given up. */
let retired = 0;
/** Bytes. Damaged files leave things behind in the library; an instance that has grown so far is given up. */
const LARGEST_HEAP = 512 * 2 ** 20;

/**
 * The HDF5 library (WebAssembly), loaded on first use, with its two windows to the outside walled up: it can open no
 * file but the admitted one, whatever a file tells it to, and what it would print is kept for error messages.
 */
export async function loadHdf5(): Promise<H5Module> {
  loading ??= instantiate();
  const module = await loading;
  if (module.HEAPU8.length <= LARGEST_HEAP) return module;
  retire();
  return loadHdf5();
}

/** A query makes the loader evaluate the library's module again, with a new instance of the WebAssembly. */
async function instantiate(): Promise<H5Module> {
  const library: Promise<typeof import('h5wasm/node')> =
    retired === 0 ? import('h5wasm/node') : import(`${import.meta.resolve('h5wasm/node')}?instance=${retired}`);
  const module = await (await library).ready;
  fence(module);
  return module;
}

/**
 * Whether an error ended the library itself (it ran into an assertion of its own, or out of bounds): then that instance
 * is given up, and the next `loadHdf5` starts another.
 */
export function isDeath(error: unknown): boolean {
  if (!(error instanceof Error && error.name === 'RuntimeError')) return false; // WebAssembly's
  retire();
  return true;
}

function retire(): void {
  retired++;
  loading = undefined;
}

/** Names the one file (absolute path) that may be opened from now on, and forgets what went before. */
export function admit(path: string | undefined): void {
  admitted = path;
  refused = undefined;
  said = '';
}

/** A file the library asked for and did not get since the last `admit`. */
export function refusedPath(): string | undefined {
  return refused;
}

/** The innermost of the library's own words about what went wrong, or the thrown error's. */
export function diagnosis(error?: unknown): string {
  const lines = [...said.matchAll(/^\s*#\d+: .*?\(\): (.*)$/gm)];
  const innermost = lines.at(-1)?.[1]?.trim();
  if (innermost) return innermost;
  return error instanceof Error ? error.message : 'the library says no more';
}

type Open = (path: string, ...rest: unknown[]) => unknown;
interface Stream {
  readonly nfd?: number;
}
type Write = (stream: Stream, buffer: Uint8Array, offset: number, length: number, ...rest: unknown[]) => number;
interface FileSystem {
  open: Open;
  write: Write;
  ErrnoError: new (code: number) => Error;
}

function fence(module: H5Module): void {
  const files = module.FS as unknown as FileSystem;
  const { open, write } = files;
  files.open = (path, ...rest) => {
    if (resolve(path) !== admitted) {
      refused = path;
      throw new files.ErrnoError(EACCES);
    }
    return open(path, ...rest);
  };
  files.write = (stream, buffer, offset, length, ...rest) => {
    if (stream.nfd !== 2) return write(stream, buffer, offset, length, ...rest);
    if (said.length < 65536) said += Buffer.from(buffer.buffer, buffer.byteOffset + offset, length).toString('utf8');
    return length;
  };
}
