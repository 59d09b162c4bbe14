import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AgentError } from '../errors.ts';
import { admit, diagnosis, type H5Module, loadHdf5 } from './hdf5Module.ts';

/** An array to write: its elements in row-major order. */
export interface WrittenArray {
  readonly data: Float32Array | Float64Array | Uint8Array | Int32Array;
  readonly shape: readonly number[];
}

export interface WriteOptions {
  /** Gzip level; 0 leaves the numbers as they are. */
  readonly compression?: number;
}

/** Bytes of an uncompressed chunk. */
const CHUNK_BYTES = 1 << 20;

/**
 * Writes an HDF5 file with these arrays; a name with slashes lies in groups. The file appears under its name only when
 * it is complete and synced to the disk. Throws `AgentError` if the disk refuses.
 */
export async function writeHdf5(
  path: string,
  arrays: Readonly<Record<string, WrittenArray>>,
  { compression = 4 }: WriteOptions = {},
): Promise<void> {
  const module = await loadHdf5();
  mkdirSync(dirname(path), { recursive: true });
  const partial = resolve(`${path}.partial`);
  rmSync(partial, { force: true });
  try {
    writeArrays(module, partial, arrays, compression);
    sync(partial);
    renameSync(partial, path);
    sync(dirname(resolve(path)));
  } catch (error) {
    rmSync(partial, { force: true });
    if (error instanceof AgentError) throw error;
    throw new AgentError(`${path} was not written: ${(error as Error).message}`, [], 1, { cause: error });
  }
}

function writeArrays(
  module: H5Module,
  path: string,
  arrays: Readonly<Record<string, WrittenArray>>,
  compression: number,
): void {
  admit(path);
  // in the oldest form there is, which every program reads, and this one without the library
  const id = module.open(path, module.H5F_ACC_TRUNC, false, module.H5F_LIBVER_EARLIEST, module.H5F_LIBVER_V110);
  if (id < 0n) throw new AgentError(`${path} cannot be written: ${diagnosis()}`);
  let failed: string | undefined;
  try {
    for (const group of groupsOf(Object.keys(arrays)))
      if (module.create_group(id, `/${group}`, false) < 0) failed ??= diagnosis();
    for (const [name, array] of Object.entries(arrays)) {
      if (failed === undefined && writeArray(module, id, name, array, compression) < 0) failed = diagnosis();
    }
    if (module.flush(id) < 0) failed ??= diagnosis();
  } finally {
    if (module.close_file(id) < 0) failed ??= diagnosis();
    admit(undefined);
  }
  if (failed !== undefined) throw new AgentError(`${path} was not written: ${failed}`);
}

/** `infos/qpos` lies in `infos`; outer groups come first. */
function groupsOf(names: readonly string[]): Set<string> {
  const groups = names.flatMap(name => {
    const parents = name.split('/').slice(0, -1);
    return parents.map((_, depth) => parents.slice(0, depth + 1).join('/'));
  });
  return new Set(groups);
}

function writeArray(module: H5Module, id: bigint, name: string, { data, shape }: WrittenArray, level: number): number {
  const rowBytes = Math.max(1, data.byteLength / Math.max(1, shape[0] ?? 1));
  const rows = Math.max(1, Math.min(shape[0] ?? 1, Math.floor(CHUNK_BYTES / rowBytes)));
  const chunked = level > 0 && shape.length > 0 && data.length > 0;
  const sizes = shape.map(BigInt);
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  const metadata = {
    vlen: false,
    littleEndian: true,
    signed: data instanceof Int32Array,
    type: isFloat ? module.H5T_class_t.H5T_FLOAT.value : module.H5T_class_t.H5T_INTEGER.value,
    size: data.BYTES_PER_ELEMENT,
    total_size: data.length,
    shape: sizes,
    maxshape: sizes,
    chunks: chunked ? [BigInt(rows), ...sizes.slice(1)] : null,
    compression: chunked ? 1 : 0,
    compression_opts: chunked ? [level] : [],
    track_order: false,
  };
  const pointer = module._malloc(Math.max(8, data.byteLength));
  if (pointer === 0)
    throw new AgentError(`"${name}" needs ${data.byteLength} bytes of memory, which are not to be had`);
  try {
    module.HEAPU8.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), pointer);
    return module.create_dataset(id, `/${name}`, BigInt(pointer), metadata);
  } finally {
    module._free(pointer);
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
