import { availableParallelism } from 'node:os';
import { AgentError, UsageError } from '../errors.ts';
import type { KernelLibrary, Precision } from './library.ts';
import { type BackendName, backendNames, precisionNames } from './names.ts';
import { loadNative, type NativeOptions, nativeBuild } from './native/load.ts';
import { addCommand, installedPackage, type OptionalName } from './optional.ts';
import { accelerate, libraryInUse, select } from './start.ts';
import { onGpu, registerTensorflow } from './tensorflow.ts';
import { mendWebgpu, registerWebgpu } from './webgpu.ts';

/** The backend in use, and why it is this one. */
export interface BackendInUse {
  readonly name: Exclude<BackendName, 'auto'>;
  readonly why: string;
  readonly threads: number;
  /** Instruction set or device. */
  readonly features: readonly string[];
  /** Whether a GPU computes, not a processor that stands in for one. */
  readonly gpu?: boolean;
  /** In what sampling computes, why, and by which instructions if that is bfloat16. */
  readonly precision: Precision;
  readonly precisionWhy: string;
  readonly bf16By?: string;
}

let inUse: BackendInUse | undefined;

/** The backend that `useBackend` chose last; undefined before. */
export function currentBackend(): BackendInUse | undefined {
  return inUse;
}

/**
 * Makes a backend current. `auto` takes the best that starts (native, wasm, cpu) and says why; one that was named and
 * cannot start throws `AgentError` with the cause and what to install; so does `precision: 'bf16'` where nothing
 * multiplies it. Tensors of an earlier backend move on first use.
 */
export async function useBackend(name: string, options: NativeOptions = {}): Promise<BackendInUse> {
  if (!isBackendName(name)) {
    throw new UsageError(`there is no backend "${name}"`, [['one of', backendNames.join(', ')]]);
  }
  const { threads, precision = 'float32' } = options;
  if (!isPrecision(precision)) {
    throw new UsageError(`there is no precision "${precision}"`, [['one of', precisionNames.join(', ')]]);
  }
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024))
    throw new UsageError(`--threads is ${threads}, a whole number from 1 to 1024 is wanted`);
  inUse = name === 'auto' ? await best(options) : await start(name, options, 'asked for');
  return inUse;
}

function isBackendName(name: string): name is BackendName {
  return (backendNames as readonly string[]).includes(name);
}

function isPrecision(name: string): name is Precision | 'auto' {
  return (precisionNames as readonly string[]).includes(name);
}

async function best(options: NativeOptions): Promise<BackendInUse> {
  const reasons: string[] = [];
  for (const name of ['native', 'wasm'] as const) {
    try {
      return await start(name, options, reasons.length > 0 ? reasons.join('; ') : 'the fastest that starts');
    } catch (error) {
      if (!(error instanceof AgentError) || error instanceof UsageError) throw error;
      reasons.push(error.message);
    }
  }
  return start('cpu', options, reasons.join('; '));
}

async function start(name: Exclude<BackendName, 'auto'>, options: NativeOptions, why: string): Promise<BackendInUse> {
  if (options.precision === 'bf16' && name !== 'native')
    throw new UsageError(`--precision bf16 is for the native backend; this is ${name} (${why})`, [
      ['without it', '--precision float32'],
    ]);
  const float32 = { precision: 'float32', precisionWhy: `${name} has no other` } as const;
  switch (name) {
    case 'native':
      return describe(loadNative(options), why, options.precision);
    case 'wasm': {
      const { loadWasm } = await import('./wasm/node.ts');
      return { ...(await describe(loadWasm(options), why)), ...float32 };
    }
    case 'cpu':
      await select('cpu');
      return { name, why, threads: 1, features: ['plain tfjs, for reference'], ...float32 };
    case 'tensorflow': {
      const threads = options.threads ?? availableParallelism();
      const from = await registerTensorflow(threads);
      await select(name);
      return { name, why, threads, features: [from], gpu: onGpu(), ...float32 };
    }
    case 'webgpu': {
      const { adapter, gpu } = await registerWebgpu();
      await select(name);
      mendWebgpu();
      return { name, why, threads: 1, features: [adapter], gpu, ...float32 };
    }
  }
}

async function describe(
  loaded: KernelLibrary,
  why: string,
  asked: NativeOptions['precision'] = 'float32',
): Promise<BackendInUse> {
  await accelerate(loaded);
  const { name, threads, features, bf16, bf16Slow } = loaded;
  const precision = bf16 ? 'bf16' : 'float32';
  const chosen = bf16 ? `the processor has ${bf16.by}` : (bf16Slow ?? `${name} has no other`);
  const precisionWhy = asked === 'auto' ? chosen : 'asked for';
  return { name, why, threads, features, precision, precisionWhy, bf16By: bf16?.by };
}

/** What `agent doctor` says of a backend. */
export interface BackendFact {
  readonly name: Exclude<BackendName, 'auto'>;
  readonly available: boolean;
  readonly why: string;
  /** How to get it, where it is missing. */
  readonly remedy?: string;
}

/** Each backend: whether it starts here, and how to get it. Starts none of them for good. */
export async function describeBackends(): Promise<readonly BackendFact[]> {
  const build = nativeBuild();
  const facts: BackendFact[] = [
    probe('native', () => {
      const loaded = loadNative({ threads: libraryInUse()?.threads });
      return `${loaded.features[0]}, built by ${build.compiler ?? 'an unknown compiler'}`;
    }),
  ];
  const { loadWasm } = await import('./wasm/node.ts');
  facts.push(
    probe('wasm', () => {
      const loaded = loadWasm({ threads: 1 });
      loaded.close();
      return `${loaded.features[0]}, used where native cannot be built`;
    }),
  );
  facts.push(
    { name: 'cpu', available: true, why: 'plain tfjs, for reference' },
    installed('tensorflow'),
    installed('webgpu'),
  );
  return facts;
}

/** Whether its package is here; whether it starts, only `useBackend` can tell. */
function installed(name: OptionalName): BackendFact {
  const found = installedPackage(name);
  if (found) return { name, available: true, why: `${found} is installed` };
  return { name, available: false, why: 'not installed', remedy: addCommand(name) };
}

function probe(name: BackendFact['name'], look: () => string): BackendFact {
  try {
    return { name, available: true, why: look() };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { name, available: false, why: error.message, remedy: error.remedies[0]?.[1] };
  }
}
