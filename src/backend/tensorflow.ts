import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as util from 'node:util';
import { AgentError } from '../errors.ts';
import { tf } from '../tensor/tf.ts';
import { addCommand, firstLine, importFile, locate, optionalPackages } from './optional.ts';

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
 * Registers tfjs's backend `tensorflow` from @tensorflow/tfjs-node-gpu, else @tensorflow/tfjs-node, and returns which. Throws
 * `AgentError` where neither is installed or its library does not load.
 */
export async function registerTensorflow(threads: number): Promise<string> {
  restoreRemovedFunctions();
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'; // no log of its processor's features
  process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  if (!hasAvx()) throw failure('this processor has no AVX, which libtensorflow is compiled for');
  const found = optionalPackages.tensorflow.filter(name => locate('tensorflow', name));
  const reasons: string[] = [];
  for (const name of found) {
    try {
      await importFile(locate('tensorflow', name)!);
      return name;
    } catch (cause) {
      reasons.push(`${name}: ${firstLine(cause)}`);
    }
  }
  throw failure(reasons.join('; ') || `${optionalPackages.tensorflow.join(' or ')} is not installed`);
}

/** Whether the library in use found a GPU to compute on. */
export function onGpu(): boolean {
  return (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true;
}

function failure(reason: string): AgentError {
  return new AgentError(`the backend "tensorflow" does not start: ${reason}`, [
    ['for a CPU', addCommand('tensorflow')],
    ['for a CUDA 11 GPU', 'npm i @tensorflow/tfjs-node-gpu'],
    ['without it', '--backend auto'],
  ]);
}

/** Without AVX the library ends the process, with a log line only. True where the system does not tell. */
function hasAvx(): boolean {
  const path = '/proc/cpuinfo';
  if (process.arch !== 'x64' || !existsSync(path)) return true;
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync(path, 'utf8'))?.[1];
  return flags === undefined || flags.split(/\s+/).includes('avx');
}
