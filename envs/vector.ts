import { availableParallelism } from 'node:os';
import type { WorkerFault } from '../src/env/crew.ts';
import type { Env, VectorEnv } from '../src/env/env.ts';
import { LocalVectorEnv } from '../src/env/vectorEnv.ts';
import { WorkerVectorEnv } from '../src/env/workerVectorEnv.ts';
import { UsageError } from '../src/errors.ts';
import { compiledModule } from './compiledModule.ts';
import { type EnvOptions, makeEnv } from './registry.ts';

export interface VectorEnvOptions extends EnvOptions {
  /** Worker threads; 0 (the default) steps the worlds in this thread. The numbers that come out are the same. */
  readonly workers?: number;
  readonly stepTimeoutMs?: number;
  /** Told of every worker thread that failed and was replaced. */
  readonly onFault?: (fault: WorkerFault) => void;
}

/** Worker threads that serve N worlds best on this machine: none for one world, else one a core. */
export function suitableWorkers(numEnvs: number): number {
  return numEnvs === 1 ? 0 : Math.min(numEnvs, availableParallelism());
}

/** `numEnvs` worlds of the task. Throws a UsageError for an unknown id or a number of worlds below one. */
export async function makeVectorEnv(id: string, numEnvs = 1, options: VectorEnvOptions = {}): Promise<VectorEnv> {
  if (!Number.isInteger(numEnvs) || numEnvs < 1)
    throw new UsageError(`${numEnvs} worlds are wanted, at least one can be made`);
  const { workers = 0, stepTimeoutMs, onFault, ...envOptions } = options;
  return workers === 0
    ? makeLocal(id, numEnvs, envOptions)
    : makeWorkerVectorEnv(id, numEnvs, { workers, stepTimeoutMs, onFault, ...envOptions });
}

async function makeLocal(id: string, numEnvs: number, options: EnvOptions): Promise<LocalVectorEnv> {
  const envs: Env[] = [];
  try {
    for (let i = 0; i < numEnvs; i++) envs.push(await makeEnv(id, options));
    return new LocalVectorEnv(envs);
  } catch (error) {
    for (const env of envs) env.close();
    throw error;
  }
}

/** `numEnvs` worlds over `workers` threads (at least one). */
export async function makeWorkerVectorEnv(
  id: string,
  numEnvs: number,
  { workers = 1, stepTimeoutMs, onFault, ...options }: VectorEnvOptions,
): Promise<WorkerVectorEnv> {
  const model = await makeEnv(id, options); // tells sizes, and mistakes before a thread is started
  const { spec } = model;
  model.close();
  return WorkerVectorEnv.create({
    spec,
    module: compiledModule('vectorWorker'),
    id,
    options,
    numEnvs,
    workers,
    stepTimeoutMs,
    onFault,
  });
}
