import { AgentError, UsageError } from '../errors.ts';
import { Crew, type WorkerFault } from './crew.ts';
import type { EnvSpec, EnvState, VectorEnv, VectorStep } from './env.ts';
import { checkActions, checkSeed, checkStates } from './vectorEnv.ts';
import type { Fault, WorkerAnswer } from './workerProtocol.ts';
import { collect, type StepBuffers, stepBuffers, stepBytes, worldStreams } from './worlds.ts';

export interface WorkerVectorEnvOptions {
  readonly spec: EnvSpec;
  /** Compiled module that calls `runWorker` with a `makeEnv`, to which `id` and `options` are handed. */
  readonly module: URL;
  readonly id: string;
  readonly options?: unknown;
  readonly numEnvs: number;
  /** Threads; no more than worlds are started. */
  readonly workers: number;
  /** Milliseconds after which a step counts as hanging (default 900, at least 10 a world). */
  readonly stepTimeoutMs?: number;
  readonly startTimeoutMs?: number;
  /** Told of every worker that was replaced. */
  readonly onFault?: (fault: WorkerFault) => void;
}

const STEP_TIMEOUT_MS = 900;
const STEP_TIMEOUT_MS_PER_WORLD = 10;
const START_TIMEOUT_MS = 30_000;

/**
 * N worlds over worker threads with shared memory. What comes out does not depend on the number of threads: each world
 * has its own random stream, and a failing thread is replaced without a trace in the numbers.
 */
export class WorkerVectorEnv implements VectorEnv {
  readonly spec: EnvSpec;
  readonly numEnvs: number;
  /** Workers replaced so far. */
  readonly faults: WorkerFault[] = [];
  readonly #buffers: StepBuffers;
  readonly #crews: readonly Crew[];
  /** First world of each worker, and N. */
  readonly #bounds: readonly number[];
  #state: 'fresh' | 'running' | 'closed' = 'fresh';
  #busy = false;

  private constructor(options: WorkerVectorEnvOptions) {
    const { spec, numEnvs } = options;
    const obsDim = spec.observationSpace.low.length;
    const actDim = spec.actionSpace.low.length;
    const memory = new SharedArrayBuffer(stepBytes(numEnvs, obsDim, actDim));
    const workers = Math.min(options.workers, numEnvs);
    this.spec = spec;
    this.numEnvs = numEnvs;
    this.#buffers = stepBuffers(numEnvs, obsDim, actDim, memory);
    this.#bounds = Array.from({ length: workers + 1 }, (_, w) => Math.floor((w * numEnvs) / workers));
    this.#crews = Array.from({ length: workers }, (_, worker) => {
      const first = this.#bounds[worker]!;
      const count = this.#bounds[worker + 1]! - first;
      return new Crew({
        module: options.module,
        worker,
        start: { id: options.id, options: options.options, numEnvs, obsDim, actDim, first, count, memory },
        stepTimeoutMs: options.stepTimeoutMs ?? Math.max(STEP_TIMEOUT_MS, STEP_TIMEOUT_MS_PER_WORLD * count),
        startTimeoutMs: options.startTimeoutMs ?? START_TIMEOUT_MS,
        onFault: fault => {
          this.faults.push(fault);
          options.onFault?.(fault);
        },
      });
    });
  }

  /** Starts the threads and makes the worlds in them. */
  static async create(options: WorkerVectorEnvOptions): Promise<WorkerVectorEnv> {
    if (!Number.isInteger(options.workers) || options.workers < 1)
      throw new UsageError(`${options.workers} workers are wanted, at least one can be started`);
    const env = new WorkerVectorEnv(options);
    try {
      await Promise.all(env.#crews.map(crew => crew.open()));
    } catch (error) {
      await env.close();
      throw error;
    }
    return env;
  }

  get numWorkers(): number {
    return this.#crews.length;
  }

  async reset(seed: number): Promise<Float32Array> {
    checkSeed(seed);
    const streams = worldStreams(seed, this.numEnvs);
    await this.#all((crew, w) => crew.command({ kind: 'reset', streams: this.#share(streams, w) }));
    this.#state = 'running';
    return Float32Array.from(this.#buffers.observations);
  }

  async step(actions: Float32Array): Promise<VectorStep> {
    this.#mustBeOpen();
    if (this.#state === 'fresh') throw new UsageError(`step before the first reset of ${this.spec.id}`);
    checkActions(actions, this.numEnvs, this.spec);
    const actDim = this.spec.actionSpace.low.length;
    await this.#all((crew, w) => {
      const [first, end] = [this.#bounds[w]! * actDim, this.#bounds[w + 1]! * actDim];
      const own = this.#buffers.actions.subarray(first, end);
      own.set(actions.subarray(first, end));
      return crew.step(own);
    });
    return collect(this.#buffers);
  }

  async save(): Promise<readonly EnvState[]> {
    const answers = await this.#all(crew => crew.command({ kind: 'save' }));
    return answers.flatMap(answer => (answer as WorkerAnswer & { kind: 'states' }).states);
  }

  async restore(states: readonly EnvState[]): Promise<Float32Array> {
    checkStates(states, this.numEnvs);
    await this.#all((crew, w) => crew.restore(this.#share(states, w)));
    this.#state = 'running';
    return Float32Array.from(this.#buffers.observations);
  }

  async qpos(): Promise<readonly Float64Array[]> {
    const answers = await this.#all(crew => crew.command({ kind: 'qpos' }));
    return answers.flatMap(answer => (answer as WorkerAnswer & { kind: 'qpos' }).qpos);
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    await Promise.all(this.#crews.map(crew => crew.close()));
  }

  /** Makes one worker fail, for tests of recovery; see `Crew.fail`. */
  async failWorker(worker: number, fault: Fault | 'kill'): Promise<void> {
    await this.#crews[worker]!.fail(fault);
  }

  #share<T>(all: readonly T[], worker: number): readonly T[] {
    return all.slice(this.#bounds[worker]!, this.#bounds[worker + 1]!);
  }

  /** Asks every worker at once; one call at a time. */
  async #all<T>(call: (crew: Crew, worker: number) => Promise<T>): Promise<T[]> {
    this.#mustBeOpen();
    if (this.#busy) throw new AgentError(`${this.spec.id}: another call is still under way`);
    this.#busy = true;
    try {
      return await Promise.all(this.#crews.map(call));
    } finally {
      this.#busy = false;
    }
  }

  #mustBeOpen(): void {
    if (this.#state === 'closed') throw new UsageError(`${this.spec.id} is closed`);
  }
}
