import { AgentError } from '../../errors.ts';
import { type Buffer, type KernelLibrary, type KernelName, kernelNames } from '../library.ts';
import { type WasmMemory, type WasmModule, webAssembly } from './webAssembly.ts';

/** No Node here: this file also runs in browsers. */

/** One instruction of relaxed SIMD (f32x4.relaxed_madd) in the smallest module: whether the engine has it. */
const relaxedProbe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65,
  0, 253, 15, 253, 133, 2, 11,
]);
relaxedProbe[20] = relaxedProbe.length - 21; // length of the code section
relaxedProbe[22] = relaxedProbe.length - 23; // and of its one body

export function hasRelaxedSimd(): boolean {
  return webAssembly.validate(relaxedProbe);
}

/** Which vectors a module uses: SIMD, relaxed SIMD besides, or relaxed SIMD in tiles for engines that join its vectors. */
export type Vectors = 'simd' | 'relaxed' | 'wide';

/** The module for this engine: `kernels[.relaxed][.threads].wasm`, or `kernels.wide.threads.wasm`, also for one thread. */
export function moduleName(vectors: Vectors, threads: boolean): string {
  const shared = threads || vectors === 'wide';
  return `kernels${vectors === 'simd' ? '' : `.${vectors}`}${shared ? '.threads' : ''}.wasm`;
}

const featureOf: Record<Vectors, string> = {
  simd: 'simd of 128 bits',
  relaxed: 'relaxed simd of 128 bits',
  wide: 'relaxed simd joined to 256 bits',
};

/** Starts a worker that instantiates `module` on `memory`, sets `__stack_pointer` to `stack`, and calls `worker(index)`. */
export type SpawnWorker = (start: WorkerStart) => { terminate(): unknown };
export interface WorkerStart {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  readonly stack: number;
  readonly index: number;
}

/** What a worker does with its `WorkerStart`, as text, for `new Worker(…)` of either world. */
export const workerBody = `
  const run = ({ module, memory, stack, index }) => {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    exports.__stack_pointer.value = stack;
    exports.worker(index);
  };`;

export interface WasmOptions {
  readonly module: WasmModule;
  readonly vectors: Vectors;
  /** 1, or more with a module built for threads and `spawn`. */
  readonly threads: number;
  readonly spawn?: SpawnWorker;
  /** Size of the memory, reserved at once: pages come as they are touched. */
  readonly bytes: number;
}

interface Exports {
  start(bytes: number, workers: number): void;
  allocate(bytes: number): number;
  call(kernel: number, buffers: number, ints: number, reals: number): number;
}

const MAX_BUFFERS = 2048;
const MAX_INTS = 8192;
const MAX_REALS = 64;
const STACK = 1 << 20;

/** The kernels in WASM memory. Arrays from `allocate` are used in place; others are copied in and out. */
export class WasmLibrary implements KernelLibrary {
  readonly name = 'wasm';
  readonly features: readonly string[];
  readonly threads: number;
  readonly #exports: Exports;
  readonly #memory: WasmMemory;
  readonly #pointers: Uint32Array;
  readonly #ints: Int32Array;
  readonly #reals: Float64Array;
  readonly #free = new Map<number, number[]>();
  readonly #numbers = new Map<KernelName, number>(kernelNames.map((name, i) => [name, i]));
  readonly #workers: { terminate(): unknown }[] = [];

  constructor({ module, vectors, threads, spawn, bytes }: WasmOptions) {
    const pages = Math.ceil(bytes / 65536);
    const shared = threads > 1 || vectors === 'wide';
    this.#memory = new webAssembly.Memory({ initial: pages, maximum: shared ? 65536 : pages, shared });
    this.#exports = new webAssembly.Instance(module, { env: { memory: this.#memory } }).exports as unknown as Exports;
    this.#exports.start(pages * 65536, threads - 1);
    const { buffer } = this.#memory;
    this.#pointers = new Uint32Array(buffer, this.#reserve(4 * MAX_BUFFERS), MAX_BUFFERS);
    this.#ints = new Int32Array(buffer, this.#reserve(4 * MAX_INTS), MAX_INTS);
    this.#reals = new Float64Array(buffer, this.#reserve(8 * MAX_REALS), MAX_REALS);
    for (let index = 1; index < threads; index++) {
      const stack = this.#reserve(STACK) + STACK - 64;
      if (spawn) this.#workers.push(spawn({ module, memory: this.#memory, stack, index }));
    }
    this.threads = threads;
    this.features = [featureOf[vectors], ...(shared ? ['shared memory'] : [])];
  }

  run(kernel: KernelName, buffers: readonly Buffer[], ints: ArrayLike<number>, reals?: ArrayLike<number>): number {
    const foreign: [array: Float32Array | Int32Array, copy: Float32Array | Int32Array, at: number][] = [];
    buffers.forEach((array, i) => {
      if (array === null) this.#pointers[i] = 0;
      else if (array.buffer === this.#memory.buffer) this.#pointers[i] = array.byteOffset;
      else {
        const at = this.#take(array.length) ?? this.#outOfMemory();
        const View = array instanceof Int32Array ? Int32Array : Float32Array;
        const copy = new View(this.#memory.buffer, at, array.length);
        copy.set(array);
        foreign.push([array, copy, at]);
        this.#pointers[i] = at;
      }
    });
    this.#ints.set(ints);
    if (reals) this.#reals.set(reals);
    const id = this.#numbers.get(kernel)!;
    const result = this.#exports.call(id, this.#pointers.byteOffset, this.#ints.byteOffset, this.#reals.byteOffset);
    for (const [array, copy, at] of foreign) {
      array.set(copy);
      this.#giveBack(array.length, at);
    }
    return result;
  }

  /** In WASM memory while there is room, then an ordinary array. */
  allocate(length: number): Float32Array {
    const at = this.#take(length);
    return at === undefined ? new Float32Array(length) : new Float32Array(this.#memory.buffer, at, length);
  }

  owns(values: ArrayLike<number>): boolean {
    return values instanceof Float32Array && values.buffer === this.#memory.buffer;
  }

  release(values: Float32Array): void {
    if (this.owns(values)) this.#giveBack(values.length, values.byteOffset);
  }

  close(): void {
    for (const worker of this.#workers) worker.terminate();
  }

  /** Sizes are rounded up to a sixteenth of their magnitude, so that a place serves many lengths. */
  #take(length: number): number | undefined {
    const size = rounded(length);
    const kept = this.#free.get(size)?.pop();
    if (kept !== undefined) return kept;
    return this.#exports.allocate(4 * size) || undefined;
  }

  #giveBack(length: number, at: number): void {
    const size = rounded(length);
    const list = this.#free.get(size);
    if (list) list.push(at);
    else this.#free.set(size, [at]);
  }

  #reserve(bytes: number): number {
    return this.#exports.allocate(bytes) || this.#outOfMemory();
  }

  #outOfMemory(): never {
    throw new AgentError(`the ${this.#memory.buffer.byteLength / 2 ** 20} MB of the WASM kernels are used up`, [
      ['use another backend', '--backend native'],
    ]);
  }
}

function rounded(length: number): number {
  const step = 2 ** Math.max(4, Math.floor(Math.log2(Math.max(1, length))) - 4);
  return Math.max(1, Math.ceil(length / step)) * step;
}
