import { resolve } from 'node:path';
import type { Metadata } from 'h5wasm/node';
import { UsageError } from '../errors.ts';
import {
  type ArrayInfo,
  type ElementKind,
  elements,
  LARGEST_BYTES,
  LARGEST_EXPANSION,
  type Target,
} from './hdf5Array.ts';
import { admit, diagnosis, type H5Module, isDeath, loadHdf5, refusedPath } from './hdf5Module.ts';

/** Rows are read in blocks of about this many bytes: what loading needs beside the arrays themselves. */
const BLOCK_BYTES = 4 << 20;
const LARGEST_CHUNK_BYTES = 256 * 2 ** 20;
const DEFLATE = 1;
const SHUFFLE = 2;
const FLETCHER32 = 3;

/**
 * An HDF5 file opened for reading. The library below reports errors as return codes that its JavaScript layer drops
 * (a damaged file then reads as whatever the heap held); here every one of them throws a `UsageError` that names the
 * file and the array. Only the file itself can be opened while it is read: external links, external storage and
 * virtual sources, which would read other files of this machine, are refused.
 */
export class LibraryFile {
  readonly path: string;
  readonly #module: H5Module;
  readonly #id: bigint;
  readonly #fileBytes: number;
  readonly #infos = new Map<string, Metadata>();
  #dead = false;

  private constructor(path: string, module: H5Module, id: bigint, fileBytes: number) {
    this.path = path;
    this.#module = module;
    this.#id = id;
    this.#fileBytes = fileBytes;
  }

  /** Throws `UsageError` if the file is truncated or damaged at its head. */
  static async open(path: string, fileBytes: number): Promise<LibraryFile> {
    const module = await loadHdf5();
    admit(resolve(path));
    let id = -1n;
    try {
      id = module.open(resolve(path), module.H5F_ACC_RDONLY, false, -1, -1);
    } catch (error) {
      isDeath(error);
      throw new UsageError(`${path} cannot be opened as HDF5: ${diagnosis(error)}`);
    }
    if (id < 0n) throw new UsageError(`${path} cannot be opened as HDF5: ${diagnosis()}`);
    return new LibraryFile(path, module, id, fileBytes);
  }

  /** Throws `UsageError` if the file is so damaged that not even this works. */
  close(): void {
    admit(undefined);
    if (this.#dead) return;
    try {
      this.#module.close_file(this.#id);
    } catch (error) {
      this.#dead = isDeath(error);
      throw new UsageError(`${this.path} is damaged: ${diagnosis(error)}`);
    }
  }

  /** Names of the arrays and groups of a group. */
  keys(group = '/'): string[] {
    return this.#call(group, () => this.#module.get_names(this.#id, group, false));
  }

  /** What stands at a path. A link that leads out of the file counts as an array; `info` refuses it by name. */
  typeOf(path: string): 'array' | 'group' | 'none' {
    const type = this.#call(path, () => this.#module.get_type(this.#id, path));
    if (type === this.#module.H5G_GROUP) return 'group';
    if (type === this.#module.H5G_DATASET || type === this.#module.H5G_UDLINK || type === this.#module.H5G_LINK) {
      return 'array';
    }
    return 'none';
  }

  /** Throws `UsageError` for anything but a plain array of real numbers, whole numbers or truth values stored in this file. */
  info(path: string): ArrayInfo {
    const metadata = this.#metadata(path);
    const refuse = (what: string) => this.#refusal(path, what);
    if (!metadata.shape) throw refuse('holds nothing');
    return {
      path,
      shape: metadata.shape.map(Number),
      kind: kindOf(this.#module, metadata, refuse),
      bytes: metadata.size,
    };
  }

  /**
   * Reads an array [n] or [n, width] block by block into `into` [n × width], converting to its type.
   * Throws `UsageError` if any block is damaged.
   */
  readInto(path: string, into: Target, offset = 0): void {
    const metadata = this.#metadata(path);
    const info = this.info(path);
    const rows = info.shape[0] ?? 1;
    const width = info.shape.slice(1).reduce((a, b) => a * b, 1);
    const chunkRows = metadata.chunks?.[0] ?? 1;
    const wanted = Math.max(1, Math.floor(BLOCK_BYTES / (width * info.bytes)));
    const blockRows = Math.min(rows, Math.max(1, Math.round(wanted / chunkRows)) * chunkRows);
    const bytes = Math.max(8, blockRows * width * info.bytes);
    const pointer = this.#module._malloc(bytes);
    if (pointer === 0) throw this.#refusal(path, `needs ${bytes} bytes of memory at once, which are not to be had`);
    try {
      for (let start = 0; start < rows; start += blockRows) {
        const count = Math.min(blockRows, rows - start);
        this.#readBlock(info, start, count, pointer);
        const block = elements(
          this.#module.HEAPU8.buffer as ArrayBuffer,
          pointer,
          count * width,
          info,
          metadata.signed,
        );
        into.set(block, offset + start * width);
      }
    } finally {
      if (!this.#dead) this.#module._free(pointer);
    }
  }

  #readBlock(info: ArrayInfo, start: number, count: number, pointer: number): void {
    const counts = info.shape.map((size, axis) => BigInt(axis === 0 ? count : size));
    const offsets = info.shape.map((_, axis) => BigInt(axis === 0 ? start : 0));
    const strides = info.shape.map(() => 1n);
    const at = BigInt(pointer);
    const status = this.#call(info.path, () =>
      this.#module.get_dataset_data(this.#id, info.path, counts, offsets, strides, at),
    );
    if (status < 0) throw this.#refusal(info.path, `is damaged: ${diagnosis()}`);
  }

  #metadata(path: string): Metadata {
    const known = this.#infos.get(path);
    if (known) return known;
    if (this.#call(path, () => this.#module.get_type(this.#id, path)) === this.#module.H5G_UDLINK)
      throw this.#refusal(path, 'is a link to another file, which is refused');
    const metadata: Metadata = this.#call(path, () => this.#module.get_dataset_metadata(this.#id, path));
    this.#checkStorage(path, metadata);
    this.#infos.set(path, metadata);
    return metadata;
  }

  #checkStorage(path: string, metadata: Metadata): void {
    const refuse = (what: string) => this.#refusal(path, what);
    if (metadata.virtual_sources) throw refuse('is put together from other files, which is refused');
    const bytes = product(metadata.shape ?? []) * metadata.size;
    if (!(bytes <= LARGEST_BYTES)) throw refuse(`claims ${bytes} bytes, at most ${LARGEST_BYTES} are read`);
    if (metadata.chunks) {
      const chunk = product(metadata.chunks) * metadata.size;
      if (!(chunk <= LARGEST_CHUNK_BYTES))
        throw refuse(`has chunks of ${chunk} bytes, at most ${LARGEST_CHUNK_BYTES} are read`);
      if (bytes > LARGEST_EXPANSION * this.#fileBytes)
        throw refuse(`claims ${bytes} bytes in a file of ${this.#fileBytes}: most of it is not there`);
    } else if (bytes > this.#fileBytes) {
      throw refuse(
        `claims ${bytes} bytes in a file of ${this.#fileBytes}: its numbers lie in another file, or nowhere`,
      );
    }
    const filters = this.#call(path, () => this.#module.get_dataset_filters(this.#id, path));
    for (const { id, name } of filters) {
      if (id !== DEFLATE && id !== SHUFFLE && id !== FLETCHER32)
        throw refuse(`is compressed with "${name || id}", only gzip is read`);
    }
    if (filters.filter(({ id }) => id === DEFLATE).length > 1) throw refuse('is compressed twice, which is refused');
  }

  /** Calls the library; what it throws, and what it refused to open, becomes a named error. */
  #call<T>(path: string, action: () => T): T {
    admit(resolve(this.path));
    try {
      const result = action();
      const foreign = refusedPath();
      if (foreign !== undefined) throw this.#refusal(path, `refers to another file, ${foreign}, which is refused`);
      return result;
    } catch (error) {
      if (error instanceof UsageError) throw error;
      this.#dead = isDeath(error);
      const foreign = refusedPath();
      if (foreign !== undefined) throw this.#refusal(path, `refers to another file, ${foreign}, which is refused`);
      throw this.#refusal(path, `is damaged: ${diagnosis(error)}`);
    }
  }

  #refusal(path: string, what: string): UsageError {
    return new UsageError(`${this.path}: "${path.replace(/^\//, '')}" ${what}`);
  }
}

function kindOf(module: H5Module, metadata: Metadata, refuse: (what: string) => UsageError): ElementKind {
  const { H5T_FLOAT, H5T_INTEGER, H5T_ENUM } = module.H5T_class_t;
  const bits = metadata.size * 8;
  if (metadata.type === H5T_FLOAT.value) {
    if (metadata.size !== 4 && metadata.size !== 8) throw refuse(`holds float${bits}, float32 or float64 is read`);
    return 'float';
  }
  if (metadata.type === H5T_INTEGER.value) {
    if (![1, 2, 4, 8].includes(metadata.size)) throw refuse(`holds int${bits}, int8 to int64 are read`);
    return 'integer';
  }
  if (metadata.type === H5T_ENUM.value) {
    const { FALSE, TRUE, ...others } = metadata.enum_type?.members ?? {};
    if (metadata.size === 1 && FALSE === 0 && TRUE === 1 && Object.keys(others).length === 0) return 'boolean';
    throw refuse('holds an enumeration other than FALSE, TRUE');
  }
  throw refuse('holds no numbers');
}

function product(sizes: readonly (number | bigint)[]): number {
  return sizes.reduce<number>((all, size) => all * Number(size), 1);
}
