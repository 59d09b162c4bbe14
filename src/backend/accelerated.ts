import { CpuBackend, type TensorInfo, tf, type Variable } from '../tensor/tf.ts';
import { Entries } from './entries.ts';
import type { Buffer, KernelLibrary, KernelName } from './library.ts';
import { BufferPool } from './pool.ts';

type DataId = TensorInfo['dataId'];
export type KernelFunc = NonNullable<ReturnType<typeof tf.getKernel>>['kernelFunc'];
interface Entry {
  owner?: object;
  values: Float32Array;
  dtype: string;
  refCount: number;
  /** The array is ours alone: from the pool, seen by nobody outside, and back into the pool when the tensor goes. */
  pooled?: boolean;
  /** A second array that lives as long (what the gradient needs beside the result). */
  attached?: Float32Array;
  /** How often the numbers were changed in place. */
  version?: number;
  /** Another form of the numbers as they were at `version`, and who made it. */
  prepared?: { version: number; by: KernelLibrary; tiles: boolean; values: Float32Array };
}

/**
 * tfjs's plain backend, with our kernels in the hot places. Tensors made by kernels live in pooled arrays, which are
 * never handed out: reading a tensor copies it.
 */
export class AcceleratedBackend extends CpuBackend {
  /** Those that were looked up, by name. */
  readonly kernels = new Map<string, KernelFunc>();
  #library: KernelLibrary;
  #pool: BufferPool;

  constructor(library: KernelLibrary) {
    super();
    (this as unknown as { firstUse: boolean }).firstUse = false; // no advice to install tfjs-node
    this.data = new Entries<Entry>(this) as never;
    this.#library = library;
    this.#pool = poolOf(library);
  }

  get library(): KernelLibrary {
    return this.#library;
  }

  /** Goes on with another object of the same kind of library (another number of threads). */
  use(library: KernelLibrary): void {
    if (library === this.#library) return;
    this.#library = library;
    this.#pool = poolOf(library); // tensors in the former library's memory are copied on their next use
  }

  run(kernel: KernelName, buffers: readonly Buffer[], ints: ArrayLike<number>, reals?: ArrayLike<number>): number {
    return this.#library.run(kernel, buffers, ints, reals);
  }

  /** A float32 tensor with arbitrary contents, and its array to write to. */
  output(shape: readonly number[]): { info: TensorInfo; values: Float32Array } {
    const values = this.#pool.take(sizeOf(shape));
    const dataId = {};
    const pooled = values.length > 0;
    this.data.set(dataId, { owner: undefined, values, dtype: 'float32', refCount: 1, pooled } as never);
    return { info: { dataId, shape: [...shape], dtype: 'float32' }, values };
  }

  /** A second array, as long as the tensor unless said, which lives as long as its numbers do. */
  attach(tensor: TensorInfo, length = sizeOf(tensor.shape)): Float32Array {
    const attached = this.#pool.take(length);
    this.#entry(tensor.dataId).attached = attached;
    return attached;
  }

  attached(tensor: TensorInfo): Float32Array | undefined {
    return this.#entry(tensor.dataId).attached;
  }

  /** The numbers of a tensor, in place: read only. */
  values(tensor: TensorInfo): Float32Array {
    const entry = this.#entry(tensor.dataId);
    // The plain backend casts bool to float32 by name only: the bytes stay.
    if (!(entry.values instanceof Float32Array)) entry.values = Float32Array.from(entry.values);
    return entry.values;
  }

  ints(tensor: TensorInfo): Int32Array {
    const entry = this.#entry(tensor.dataId);
    const values: ArrayLike<number> = entry.values;
    return values instanceof Int32Array ? values : Int32Array.from(values);
  }

  /** How often the numbers of a tensor were changed in place. */
  version(tensor: TensorInfo): number {
    return this.#entry(tensor.dataId).version ?? 0;
  }

  /** A form of a tensor's numbers, `length` of them, that `make` writes anew only when they or the form have changed. */
  prepared(
    tensor: TensorInfo,
    tiles: boolean,
    length: number,
    make: (from: Float32Array, to: Float32Array) => void,
  ): Float32Array {
    const entry = this.#entry(tensor.dataId);
    const { version = 0, prepared: known } = entry;
    const by = this.#library;
    if (known?.version === version && known.by === by && known.tiles === tiles) return known.values;
    const values = known?.by === by ? known.values : this.#pool.take(length);
    make(this.values(tensor), values);
    entry.prepared = { version, by, tiles, values };
    return values;
  }

  /** The numbers of a variable to be changed in place, after making sure that nobody else sees them. */
  writable(variable: Variable): Float32Array {
    const entry = this.#entry(variable.dataId);
    entry.version = (entry.version ?? 0) + 1;
    if (entry.refCount > 1) {
      const { info, values } = this.output(variable.shape);
      values.set(this.values(variable));
      const copy = tf.engine().makeTensorFromTensorInfo(info);
      variable.assign(copy as typeof variable);
      copy.dispose();
      return values;
    }
    if (!entry.pooled) {
      const values = this.#pool.take(variable.size);
      values.set(this.values(variable));
      entry.values = values;
      entry.pooled = true;
    }
    return entry.values;
  }

  override write(values: never, shape: number[], dtype: 'float32'): DataId {
    const array = values as ArrayLike<number> | undefined; // undefined: `output` sets it
    // A kernel of the plain backend may return part of its input's array (slice): that must not be pooled twice.
    const own = array && this.#library.owns(array) ? (array as Float32Array).slice() : array;
    return super.write(own as never, shape, dtype);
  }

  override readSync(dataId: DataId) {
    const entry = this.#entry(dataId);
    return entry.pooled ? entry.values.slice() : super.readSync(dataId);
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const entry = this.data.has(dataId) ? this.#entry(dataId) : undefined;
    const released = super.disposeData(dataId, force);
    if (entry && !this.data.has(dataId)) {
      for (const array of [entry.pooled ? entry.values : undefined, entry.attached, entry.prepared?.values])
        if (array && this.#library.owns(array)) this.#pool.give(array);
      entry.pooled = false;
    }
    return released;
  }

  #entry(dataId: DataId): Entry {
    return this.data.get(dataId) as unknown as Entry;
  }
}

function poolOf(library: KernelLibrary): BufferPool {
  return new BufferPool(
    length => library.allocate(length),
    values => library.release(values),
  );
}

export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

/** The backend in use, if it has our kernels. */
export function accelerated(): AcceleratedBackend | undefined {
  const backend = tf.backend();
  return backend instanceof AcceleratedBackend ? backend : undefined;
}
