import { AgentError, UsageError } from '../errors.ts';
import { Crew, eventLoopTurn, Pace, type WorkerFault } from './crew.ts';
import type { EnvSpec, EnvState, Glance, VectorEnv, VectorStep } from './env.ts';
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
  /** Milliseconds without progress after which a worker counts as hanging (default 900). */
  readonly stepTimeoutMs?: number;
  readonly startTimeoutMs?: number;
  /** Told of every worker that was replaced. */
  readonly onFault?: (fault: WorkerFault) => void;
}

const STEP_TIMEOUT_MS = 900;
/** Turns of the event loop before the main thread sleeps: in them a caller who has other work meanwhile begins it. */
const TURNS = 2;
/** The main thread sleeps so many ms through a step; then its event loop turns again while it waits. */
const NAP_MS = 20;
/** Loading the engine takes a fraction of a second; on a busy machine some. */
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
  /** Workers that have not ended the step. */
  readonly #left: Int32Array;
  /** First world of each worker, and N. */
  readonly #bounds: readonly number[];
  #state: 'fresh' | 'running' | 'closed' = 'fresh';
  #busy = false;
  readonly #pace = new Pace();

  private constructor(options: WorkerVectorEnvOptions) {
    const { spec, numEnvs } = options;
    const obsDim = spec.observationSpace.low.length;
    const actDim = spec.actionSpace.low.length;
    const memory = new SharedArrayBuffer(stepBytes(numEnvs, obsDim, actDim));
    const left = new SharedArrayBuffer(128); // a cache line of its own
    this.#left = new Int32Array(left);
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
        start: { id: options.id, options: options.options, numEnvs, obsDim, actDim, first, count, memory, left },
        stepTimeoutMs: options.stepTimeoutMs ?? STEP_TIMEOUT_MS,
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
    this.#begin();
    const { soon } = this.#pace;
    Atomics.store(this.#left, 0, this.#crews.length);
    try {
      this.#crews.forEach((crew, w) => {
        const [first, end] = [this.#bounds[w]! * actDim, this.#bounds[w + 1]! * actDim];
        const own = this.#buffers.actions.subarray(first, end);
        own.set(actions.subarray(first, end));
        crew.beginStep(own, soon);
      });
      await this.#giveWay(soon);
      this.#sleep();
      const late = this.#crews.flatMap(crew => crew.endStep() ?? []);
      if (late.length > 0) await Promise.all(late);
    } finally {
      this.#busy = false;
    }
    const stepped = collect(this.#buffers);
    this.#pace.ended();
    return stepped;
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

  async glance(world: number): Promise<Glance | undefined> {
    this.#mustBeOpen();
    const crew = this.#crews.find((_, w) => world < this.#bounds[w + 1]!);
    this.#begin();
    try {
      return ((await crew?.command({ kind: 'glance', world })) as (WorkerAnswer & { kind: 'glance' }) | undefined)
        ?.glance;
    } finally {
      this.#busy = false;
    }
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
    this.#begin();
    try {
      return await Promise.all(this.#crews.map(call));
    } finally {
      this.#busy = false;
    }
  }

  /** Lets the caller begin other work: what follows its call at once, and where steps do not follow closely, what its event loop holds. */
  async #giveWay(soon: boolean): Promise<void> {
    if (soon && !this.#pace.turnIsDue) return;
    for (let turn = 0; turn < TURNS && Atomics.load(this.#left, 0) > 0; turn++) await eventLoopTurn();
    this.#pace.turned();
  }

  /** Blocks the main thread, which has nothing else to do by now, until the last worker has ended its step, or for a moment. */
  #sleep(): void {
    for (let left = Atomics.load(this.#left, 0); left > 0; left = Atomics.load(this.#left, 0))
      if (Atomics.wait(this.#left, 0, left, NAP_MS) === 'timed-out') return;
  }

  #begin(): void {
    if (this.#busy) throw new AgentError(`${this.spec.id}: another call is still under way`);
    this.#busy = true;
  }

  #mustBeOpen(): void {
    if (this.#state === 'closed') throw new UsageError(`${this.spec.id} is closed`);
  }
}
