import { createRequire } from 'node:module';
import type * as util from 'node:util';
import { AgentError } from '../errors.ts';

/** Backends from packages that are not installed unasked: hundreds of megabytes, or a GPU library. */

/** What to install for each, as the arguments of `npm i`. */
export const optionalPackages: Readonly<Record<string, string>> = {
  tensorflow: '@tensorflow/tfjs-node-gpu',
  webgpu: 'webgpu @tensorflow/tfjs-backend-webgpu',
};

export function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false; // resolving fails for that reason alone
  }
}

/** Functions that Node 23 removed from `util` and that tfjs-node 4.22 still calls. */
const removed = {
  isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  isArray: (value: unknown) => Array.isArray(value),
};

function restoreRemovedFunctions(): void {
  const target = createRequire(import.meta.url)('node:util') as typeof util & Record<string, unknown>;
  for (const [name, replacement] of Object.entries(removed)) if (!(name in target)) target[name] = replacement;
}

/**
 * Registers tfjs's backend `tensorflow` from @tensorflow/tfjs-node-gpu, else @tensorflow/tfjs-node. Throws `AgentError`
 * where neither is installed or its library does not load.
 */
export async function registerTensorflow(): Promise<string> {
  restoreRemovedFunctions();
  const reasons: string[] = [];
  for (const name of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    if (!isInstalled(name)) {
      reasons.push(`${name} is not installed`);
      continue;
    }
    try {
      await import(name);
      return name;
    } catch (cause) {
      reasons.push(`${name}: ${firstLine(cause)}`);
    }
  }
  throw new AgentError(`the backend "tensorflow" does not start: ${reasons.join('; ')}`, [
    ['for a CUDA 11 GPU', 'npm i @tensorflow/tfjs-node-gpu'],
    ['for a CPU', 'npm i @tensorflow/tfjs-node'],
    ['without it', '--backend auto'],
  ]);
}

interface Dawn {
  create(options: readonly string[]): { requestAdapter(): Promise<{ info?: { description?: string } } | null> };
  readonly globals: object;
}

/**
 * Registers tfjs's backend `webgpu` on the npm package webgpu (Dawn); returns the adapter's name. Throws `AgentError`
 * where a package is missing or there is no adapter.
 */
export async function registerWebgpu(): Promise<string> {
  const packages = ['webgpu', '@tensorflow/tfjs-backend-webgpu'] as const;
  const remedies = [
    ['install it', `npm i ${packages.join(' ')}`],
    ['without it', '--backend auto'],
  ] as const;
  const missing = packages.find(name => !isInstalled(name));
  if (missing) throw new AgentError(`the backend "webgpu" does not start: ${missing} is not installed`, remedies);
  try {
    const { create, globals } = (await import(packages[0] as string)) as Dawn;
    const gpu = create([]);
    const adapter = await gpu.requestAdapter();
    if (!adapter) throw new AgentError('the backend "webgpu" finds no adapter: no GPU with a Vulkan driver', remedies);
    Object.assign(globalThis, globals);
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
    await import(packages[1] as string);
    return adapter.info?.description ?? 'an unnamed adapter';
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError(`the backend "webgpu" does not start: ${firstLine(cause)}`, remedies, 1, { cause });
  }
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]!;
}
