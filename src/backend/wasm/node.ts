import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { AgentError } from '../../errors.ts';
import { packageRoot } from '../packageRoot.ts';
import { hasRelaxedSimd, moduleName, type SpawnWorker, WasmLibrary, workerBody } from './library.ts';
import { webAssembly } from './webAssembly.ts';

export interface WasmNodeOptions {
  /** Worker threads, the caller included; all cores unless given. */
  readonly threads?: number;
  /** False keeps to plain SIMD, for tests. */
  readonly relaxed?: boolean;
}

const GIGABYTE = 2 ** 30;

/** The WASM kernels in Node. Throws `AgentError` where a module is missing or the engine refuses it. */
export function loadWasm({ threads = availableParallelism(), relaxed }: WasmNodeOptions = {}): WasmLibrary {
  // Node 20 has relaxed SIMD behind a flag, which newer versions do not know any more; both are fine.
  if (relaxed !== false && !hasRelaxedSimd()) setFlagsFromString('--experimental-wasm-relaxed-simd');
  const useRelaxed = relaxed !== false && hasRelaxedSimd();
  const file = join(packageRoot(), 'src/backend/wasm', moduleName(useRelaxed, threads > 1));
  const remedy = [['use another backend', '--backend cpu']] as const;
  if (!existsSync(file)) throw new AgentError(`the WASM kernels are not there: ${file}`, remedy);
  try {
    const module = new webAssembly.Module(readFileSync(file));
    return new WasmLibrary({ module, relaxed: useRelaxed, threads, spawn, bytes: GIGABYTE });
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AgentError(`the WASM kernels do not start: ${why}`, remedy, 1, { cause });
  }
}

const spawn: SpawnWorker = start => {
  const code = `${workerBody} run(require('node:worker_threads').workerData);`;
  const worker = new Worker(code, { eval: true, workerData: start, name: 'kernels' });
  worker.unref();
  return worker;
};
