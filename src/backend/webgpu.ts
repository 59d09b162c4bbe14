import { AgentError } from '../errors.ts';
import { type TensorInfo, tf } from '../tensor/tf.ts';
import { addCommand, firstLine, importFile, locate } from './optional.ts';

interface AdapterInfo {
  readonly description?: string;
  readonly isFallbackAdapter?: boolean;
}

interface Dawn {
  create(options: readonly string[]): { requestAdapter(): Promise<{ info?: AdapterInfo } | null> };
  readonly globals: object;
}

const remedies = [
  ['install its packages', addCommand('webgpu')],
  ['without it', '--backend auto'],
] as const;

const driverRemedies = [
  ['a driver for the GPU', "apt-get install libvulkan1 and the GPU's Vulkan driver"],
  ['without it', '--backend auto'],
] as const;

/** Vulkan drivers that compute on the processor: Mesa's, Google's, Microsoft's. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|basic render/i;

/**
 * Registers tfjs's backend `webgpu` on the npm package webgpu (Dawn); returns the adapter's name, and whether it is a
 * GPU. Throws `AgentError` where a package is missing or there is no adapter.
 */
export async function registerWebgpu(): Promise<{ adapter: string; gpu: boolean }> {
  const packages = ['webgpu', '@tensorflow/tfjs-backend-webgpu'] as const;
  const missing = packages.find(name => !locate('webgpu', name));
  if (missing) throw new AgentError(`the backend "webgpu" does not start: ${missing} is not installed`, remedies);
  const [dawn, backend] = packages.map(name => locate('webgpu', name)!) as [string, string];
  try {
    collectTicks();
    const { create, globals } = (await importFile(dawn)) as Dawn;
    const gpu = create([]);
    const adapter = await gpu.requestAdapter();
    if (!adapter) throw new AgentError('the backend "webgpu" finds no GPU with a Vulkan driver', driverRemedies);
    Object.assign(globalThis, globals);
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
    await importFile(backend);
    addInGroups();
    const { description = 'an unnamed adapter', isFallbackAdapter = false } = adapter.info ?? {};
    return { adapter: description, gpu: !isFallbackAdapter && !SOFTWARE.test(description) };
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError(`the backend "webgpu" does not start: ${firstLine(cause)}`, remedies, 1, { cause });
  }
}

/** What Dawn wants called until its work is done. */
const ticks: (() => void)[] = [];
let collecting = false;

/**
 * Dawn's Node binding looks for finished work in callbacks that it hands to `setImmediate`, one at a time. They are kept
 * here too, so that a synchronous read can call them; the first to come calls each.
 */
function collectTicks(): void {
  if (collecting) return;
  collecting = true;
  const later = globalThis.setImmediate;
  const patched = (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    if (args.length > 0 || callback.name !== '' || !isNative(callback)) return later(callback, ...args);
    ticks.push(callback);
    return later(() => {
      const index = ticks.indexOf(callback);
      if (index < 0) return;
      ticks.splice(index, 1);
      callback();
    });
  };
  globalThis.setImmediate = Object.assign(patched, later) as typeof setImmediate;
}

function isNative(callback: object): boolean {
  return Function.prototype.toString.call(callback).endsWith('{ [native code] }');
}

interface GpuBuffer {
  readonly size: number;
  readonly mapState: 'unmapped' | 'pending' | 'mapped';
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
}

/** The parts of tfjs's backend that are used here. */
interface WebgpuBackend {
  readonly device: { onuncapturederror: (event: { error: { message: string } }) => void };
  readonly tensorMap: { get(id: object): { values: unknown; dtype: string; resource: GpuBuffer } };
  readonly bufferManager: { acquireBuffer(size: number, usage: number): GpuBuffer; releaseBuffer(b: GpuBuffer): void };
  commandEncoder: { copyBufferToBuffer(...args: unknown[]): void };
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  readSync(id: object): unknown;
}

const MAP_READ = 1; // GPUBufferUsage and GPUMapMode
const COPY_DST = 8;

/** What the GPU refused to do: its results would be wrong, so no number is read any more. */
let refused: string | undefined;

/**
 * Makes the backend in use fit for Node and for training. tfjs reads synchronously by way of a canvas, which Node has not:
 * here by a mapped buffer, waiting. And what the GPU refuses is an error at the next read, where tfjs goes on.
 */
export function mendWebgpu(): void {
  const backend = tf.backend() as unknown as WebgpuBackend;
  backend.device.onuncapturederror = ({ error }) => {
    refused ??= firstLine(error.message);
  };
  backend.readSync = id => {
    const data = backend.tensorMap.get(id);
    data.values ??= typed(data.dtype, readBuffer(backend, data.resource));
    return data.values;
  };
}

/** A shader may have eight buffers (the least that WebGPU grants, and what tfjs asks for), and tfjs adds all tensors in one. */
const MOST_ADDED = 7;

function addInGroups(): void {
  const plain = tf.getKernel('AddN', 'webgpu')!.kernelFunc;
  tf.unregisterKernel('AddN', 'webgpu');
  tf.registerKernel({
    kernelName: 'AddN',
    backendName: 'webgpu',
    kernelFunc: call => {
      const terms = call.inputs as unknown as TensorInfo[];
      const add = (some: TensorInfo[]) => plain({ ...call, inputs: some as never }) as TensorInfo;
      let sum = add(terms.slice(0, MOST_ADDED));
      for (let i = MOST_ADDED; i < terms.length; i += MOST_ADDED - 1) {
        const next = add([sum, ...terms.slice(i, i + MOST_ADDED - 1)]);
        (call.backend as { disposeData(id: object): boolean }).disposeData(sum.dataId);
        sum = next;
      }
      return sum;
    },
  });
}

function typed(dtype: string, bytes: ArrayBuffer): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return new Float32Array(bytes);
  const ints = new Int32Array(bytes);
  return dtype === 'bool' ? Uint8Array.from(ints) : ints;
}

function readBuffer(backend: WebgpuBackend, buffer: GpuBuffer): ArrayBuffer {
  const { size } = buffer;
  const staging = backend.bufferManager.acquireBuffer(size, COPY_DST | MAP_READ);
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.commandEncoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
  backend.submitQueue();
  map(staging);
  const bytes = staging.getMappedRange().slice(0);
  staging.unmap();
  backend.bufferManager.releaseBuffer(staging);
  return bytes;
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Waits until the GPU has written the buffer. */
function map(buffer: GpuBuffer): void {
  let failure = 'the device was lost';
  buffer.mapAsync(MAP_READ).catch((cause: Error) => {
    failure = cause.message;
  });
  for (let round = 0; buffer.mapState === 'pending'; round++) {
    if (ticks.length === 0) throw new AgentError('the npm package webgpu is of a version that cannot be waited for');
    if (round > 100) Atomics.wait(pause, 0, 0, 0.05);
    for (const tick of ticks.splice(0)) tick();
  }
  if (refused)
    throw new AgentError(`the GPU refused an operation of tfjs: ${refused}`, [['instead', '--backend auto']]);
  if (buffer.mapState !== 'mapped') throw new AgentError(`the GPU gave no numbers: ${failure}`);
}
