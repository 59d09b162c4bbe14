import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { AgentError, UsageError } from '../../errors.ts';
import {
  type Bf16,
  type Buffer,
  type KernelLibrary,
  type KernelName,
  kernelNames,
  type Precision,
} from '../library.ts';
import { packageRoot } from '../packageRoot.ts';

interface Addon {
  configure(isa: string, bf16: string, threads: number, ints: Int32Array, reals: Float64Array): void;
  call(kernel: number, ...buffers: Buffer[]): number;
  describe(): {
    isas: string[];
    isa: string;
    threads: number;
    kernels: string[];
    bf16: Bf16Way | '';
    inBf16: string[];
    bf16Ways: { name: Bf16Way; missing: string; slow: string }[];
  };
}

/** How bfloat16 is multiplied, as the add-on calls it. */
type Bf16Way = 'amx' | 'avx512_bf16';
const shown: Readonly<Record<Bf16Way, string>> = { amx: 'AMX', avx512_bf16: 'AVX512-BF16' };

export interface NativeOptions {
  /** Worker threads, the caller included; all cores unless given. */
  readonly threads?: number;
  /** `avx512`, `avx2`, `sse2`, `neon`: for tests; the best the processor has unless given. */
  readonly isa?: string;
  /** In what sampling computes: `float32` unless given; `auto`: bfloat16 where it is faster. */
  readonly precision?: Precision | 'auto';
  /** `amx`, `avx512_bf16`: for tests; the best there is unless given. */
  readonly bf16By?: string;
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

/** The ways to multiply bfloat16 here, the fastest first: for tests. Empty where the add-on is missing, too. */
export function bf16Ways(): readonly string[] {
  const { file, exists } = nativeBuild();
  return exists ? bf16Support(createRequire(import.meta.url)(file) as Addon).ways.map(({ name }) => name) : [];
}

/** Loads the add-on. Throws `UsageError` where bfloat16 is asked for and not to be had; `AgentError` if it was not built or does not load. */
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

/** The instructions for bfloat16 that this process may use, the fastest first; `missing`: why there are none of AMX. */
function bf16Support(addon: Addon): { ways: { name: Bf16Way; slow: string }[]; missing: string } {
  const { bf16Ways } = addon.describe();
  const ways = bf16Ways.filter(({ missing }) => missing === '');
  const built =
    'the kernels are built without it: the compiler knows no AVX512-BF16 (g++ 10, clang 9 or newer, on Linux)';
  return { ways, missing: bf16Ways[0]?.missing ?? built };
}

/** The instructions that a library with these options multiplies bfloat16 by; undefined: it computes in float32. */
function wayFor(addon: Addon, { precision = 'float32', bf16By, isa }: NativeOptions): Bf16Way | undefined {
  if (precision === 'float32') return undefined;
  const { ways, missing } = bf16Support(addon);
  if (precision === 'auto')
    return (isa ?? 'avx512') === 'avx512' ? ways.find(({ slow }) => slow === '')?.name : undefined;
  const way = ways.find(({ name }) => name === (bf16By ?? name));
  if (way) return way.name;
  throw new UsageError(`--precision bf16: ${missing}`, [['without it', '--precision float32']]);
}

class NativeLibrary implements KernelLibrary {
  readonly name = 'native';
  readonly features: readonly string[];
  readonly threads: number;
  readonly bf16?: Bf16;
  readonly bf16Slow: string | undefined;
  readonly #addon: Addon;
  readonly #numbers: Readonly<Record<string, number>>;

  constructor(addon: Addon, options: NativeOptions) {
    const { threads = availableParallelism(), isa = '' } = options;
    addon.configure(isa, wayFor(addon, options) ?? '', threads, ints, reals);
    const { isas, isa: chosen, kernels, threads: started, bf16, inBf16 } = addon.describe();
    if (kernels.join() !== kernelNames.join())
      throw new AgentError('the native kernels are of another version', [['rebuild them', 'npm run build']]);
    this.features = [chosen, ...isas.filter(name => name !== chosen)];
    this.threads = started;
    if (bf16 !== '') this.bf16 = { by: shown[bf16], kernels: new Set(inBf16) };
    const { ways, missing } = bf16Support(addon);
    this.bf16Slow = ways.some(({ slow }) => slow === '') ? undefined : (ways[0]?.slow ?? missing);
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
