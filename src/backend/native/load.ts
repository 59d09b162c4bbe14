import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { AgentError } from '../../errors.ts';
import { type Buffer, type KernelLibrary, type KernelName, kernelNames } from '../library.ts';
import { packageRoot } from '../packageRoot.ts';

interface Addon {
  configure(isa: string, threads: number, ints: Int32Array, reals: Float64Array): void;
  call(kernel: number, ...buffers: Buffer[]): number;
  describe(): { isas: string[]; isa: string; threads: number; kernels: string[] };
}

export interface NativeOptions {
  /** Worker threads, the caller included; all cores unless given. */
  readonly threads?: number;
  /** `avx512`, `avx2`, `sse2`, `neon`: for tests; the best the processor has unless given. */
  readonly isa?: string;
}

/** What became of the build: `dist/native/build.json`. */
export function nativeBuild(): { file: string; exists: boolean; reason?: string; compiler?: string } {
  const folder = join(packageRoot(), 'dist/native');
  const file = join(folder, 'kernels.node');
  const record = join(folder, 'build.json');
  const { reason, compiler } = existsSync(record)
    ? (JSON.parse(readFileSync(record, 'utf8')) as { reason?: string; compiler?: string })
    : { reason: 'never built' };
  return { file, exists: existsSync(file), reason, compiler };
}

/** Loads the add-on. Throws `AgentError` if it was not built or does not load. */
export function loadNative(options: NativeOptions = {}): KernelLibrary {
  const { file, exists, reason } = nativeBuild();
  const remedies = [
    ['build it', 'npm run build'],
    ['install a compiler', 'apt-get install g++'],
    ['without one', '--backend wasm'],
  ] as const;
  if (!exists) throw new AgentError(`the native kernels are not there: ${reason ?? 'never built'}`, remedies);
  let addon: Addon;
  try {
    addon = createRequire(import.meta.url)(file) as Addon;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AgentError(`the native kernels do not load: ${why}`, remedies, 1, { cause });
  }
  return new NativeLibrary(addon, options);
}

/** Sizes and scalars of a call. One pair for the process: the add-on has pinned it. */
const ints = new Int32Array(8192);
const reals = new Float64Array(64);
const allocated = new WeakSet<ArrayBufferLike>();

class NativeLibrary implements KernelLibrary {
  readonly name = 'native';
  readonly features: readonly string[];
  readonly threads: number;
  readonly #addon: Addon;
  readonly #numbers: Readonly<Record<string, number>>;

  constructor(addon: Addon, { threads = availableParallelism(), isa = '' }: NativeOptions) {
    addon.configure(isa, threads, ints, reals);
    const { isas, isa: chosen, kernels, threads: started } = addon.describe();
    if (kernels.join() !== kernelNames.join())
      throw new AgentError('the native kernels are of another version', [['rebuild them', 'npm run build']]);
    this.features = [chosen, ...isas.filter(name => name !== chosen)];
    this.threads = started;
    this.#addon = addon;
    this.#numbers = Object.fromEntries(kernels.map((name, i) => [name, i]));
  }

  run(kernel: KernelName, buffers: readonly Buffer[], sizes: ArrayLike<number>, scalars?: ArrayLike<number>): number {
    for (let i = 0; i < sizes.length; i++) ints[i] = sizes[i]!;
    if (scalars) for (let i = 0; i < scalars.length; i++) reals[i] = scalars[i]!;
    return this.#addon.call(this.#numbers[kernel]!, ...buffers);
  }

  allocate(length: number): Float32Array {
    const values = new Float32Array(length);
    allocated.add(values.buffer);
    return values;
  }

  owns(values: ArrayLike<number>): boolean {
    return values instanceof Float32Array && allocated.has(values.buffer);
  }

  release(): void {}

  close(): void {}
}
