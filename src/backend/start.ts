import { AgentError } from '../errors.ts';
import { type TensorInfo, tf } from '../tensor/tf.ts';
import { AcceleratedBackend, type KernelFunc } from './accelerated.ts';
import type { KernelCall, KernelFunction } from './elementwise.ts';
import { lightenEngine } from './engine.ts';
import { kernelFunctions } from './kernelFunctions.ts';
import type { KernelLibrary } from './library.ts';

/** No Node here: this file also runs in browsers. */

let library: KernelLibrary | undefined;

/** The kernels started last; undefined before the first. */
export function libraryInUse(): KernelLibrary | undefined {
  return library;
}

/** Makes a loaded library compute: registers its kernels once, and closes the library used before. */
export async function accelerate(loaded: KernelLibrary): Promise<void> {
  const { name } = loaded;
  const former = library;
  library = loaded;
  if (!tf.findBackendFactory(name)) {
    lightenEngine();
    registerKernels(name);
    tf.registerBackend(name, () => new AcceleratedBackend(loaded), 3);
  }
  await select(name);
  (tf.backend() as AcceleratedBackend).use(loaded);
  former?.close();
}

/** tfjs falls back to another backend with a log line only: so look. */
export async function select(name: string): Promise<void> {
  const started = await tf.setBackend(name).catch((cause: Error) => {
    throw new AgentError(`tfjs did not start its backend "${name}": ${cause.message}`, [], 1, { cause });
  });
  await tf.ready();
  if (!started || tf.getBackend() !== name) throw new AgentError(`tfjs did not start its backend "${name}"`);
}

/** All of the plain backend's kernels under `name`, ours before them where we have one. */
function registerKernels(name: string): void {
  tf.copyRegisteredKernels('cpu', name);
  for (const [kernelName, ours] of Object.entries(kernelFunctions)) {
    const plain = tf.getKernel(kernelName, 'cpu')?.kernelFunc as KernelFunc | undefined;
    if (plain) tf.unregisterKernel(kernelName, name);
    tf.registerKernel({ kernelName, backendName: name, kernelFunc: withFallback(kernelName, ours, plain) });
  }
}

function withFallback(kernelName: string, ours: KernelFunction, plain: KernelFunc | undefined): KernelFunc {
  return call => {
    const result = ours(call.backend as AcceleratedBackend, call as unknown as KernelCall);
    if (result) return result as TensorInfo | TensorInfo[];
    if (!plain) throw new Error(`${kernelName} has no plain kernel for this call`);
    return plain(call);
  };
}
