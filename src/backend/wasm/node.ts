import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cachedDataVersionTag, setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { AgentError } from '../../errors.ts';
import { packageRoot } from '../packageRoot.ts';
import { hasRelaxedSimd, moduleName, type SpawnWorker, type Vectors, WasmLibrary, workerBody } from './library.ts';
import { webAssembly } from './webAssembly.ts';

export interface WasmNodeOptions {
  /** Worker threads, the caller included; all cores unless given. */
  readonly threads?: number;
  /** The best of this engine unless given. */
  readonly vectors?: Vectors;
}

const GIGABYTE = 2 ** 30;

/** The WASM kernels in Node. Throws `AgentError` where a module is missing or the engine refuses it. */
export function loadWasm({ threads = availableParallelism(), vectors = best() }: WasmNodeOptions = {}): WasmLibrary {
  const file = join(packageRoot(), 'src/backend/wasm', moduleName(vectors, threads > 1));
  const remedy = [['use another backend', '--backend cpu']] as const;
  if (!existsSync(file)) throw new AgentError(`the WASM kernels are not there: ${file}`, remedy);
  try {
    const module = new webAssembly.Module(readFileSync(file));
    return new WasmLibrary({ module, vectors, threads, spawn, bytes: GIGABYTE });
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AgentError(`the WASM kernels do not start: ${why}`, remedy, 1, { cause });
  }
}

function best(): Vectors {
  // Node 20 has relaxed SIMD behind a flag, which newer versions do not know any more; both are fine.
  if (!hasRelaxedSimd()) setFlagsFromString('--experimental-wasm-relaxed-simd');
  if (!hasRelaxedSimd()) return 'simd';
  return joinsVectors() ? 'wide' : 'relaxed';
}

/**
 * Lets the engine join two vectors of 128 bits to one of 256 where it can: V8 from 13 on (Node 24), behind a flag, on x86-64
 * with AVX2. Results are the same in every bit; only the time tells.
 */
function joinsVectors(): boolean {
  if (process.arch !== 'x64' || Number.parseInt(process.versions.v8, 10) < 13 || !fusesMadd()) return false;
  setFlagsFromString('--no-experimental-wasm-revectorize');
  const without = cachedDataVersionTag(); // depends on the flags: an engine built without this one stays as it was
  setFlagsFromString('--experimental-wasm-revectorize');
  return cachedDataVersionTag() !== without;
}

/** Whether f32x4.relaxed_madd rounds once, as processors with FMA do: they have AVX2 too, of which JavaScript sees nothing. */
function fusesMadd(): boolean {
  const { exports } = new webAssembly.Instance(new webAssembly.Module(maddProbe()), {});
  return (exports as { run(): number }).run() !== 0;
}

/** `run` is lane 0 of a · a − c, a = 1 + 2⁻¹², c = a · a rounded: 2⁻²⁴ where the product is not rounded, else 0. */
function maddProbe(): Uint8Array {
  const splat = (bits: number) => [0x43, bits & 255, (bits >> 8) & 255, (bits >> 16) & 255, bits >>> 24, 0xfd, 0x13];
  const a = splat(0x3f800800);
  const body = [0, ...a, ...a, ...splat(0xbf801000), 0xfd, 0x85, 0x02, 0xfd, 0x1f, 0, 0x0b];
  const type = [1, 5, 1, 0x60, 0, 1, 0x7d];
  const name = [7, 7, 1, 3, ...Buffer.from('run'), 0, 0];
  const code = [10, body.length + 2, 1, body.length, ...body];
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...type, 3, 2, 1, 0, ...name, ...code]);
}

const spawn: SpawnWorker = start => {
  const code = `${workerBody} run(require('node:worker_threads').workerData);`;
  const worker = new Worker(code, { eval: true, workerData: start, name: 'kernels' });
  worker.unref();
  return worker;
};
