import { Worker } from 'node:worker_threads';
import { AgentError } from '../errors.ts';
import type { EnvState } from './env.ts';
import {
  CALL_MESSAGE,
  CALL_STEP,
  type Fault,
  type WorkerAnswer,
  type WorkerCommand,
  type WorkerStart,
} from './workerProtocol.ts';

/** A worker that failed and was started anew. */
export interface WorkerFault {
  readonly worker: number;
  /** Worlds it steps: [first, first + count). */
  readonly first: number;
  readonly count: number;
  readonly reason: string;
}

export interface CrewOptions {
  /** The worker's compiled module. */
  readonly module: URL;
  readonly start: Omit<WorkerStart, 'doorbell'>;
  readonly worker: number;
  /** Milliseconds after which a step counts as hanging, more for a while after one. */
  readonly stepTimeoutMs: number;
  readonly startTimeoutMs: number;
  readonly onFault: (fault: WorkerFault) => void;
}

/** Attempts at one call before the run stops. */
const ATTEMPTS = 3;
/** After a silent worker, so many calls may take so many times longer: on a busy machine being slow is no fault. */
const PATIENT_CALLS = 200;
const PATIENCE = 10;
/** Steps between two saved states: what a new worker has to take again at most. */
const SAVE_INTERVAL = 100;

/**
 * One worker thread and what is needed to replace it: the last saved states of its worlds and the actions since. A
 * worker that throws, dies or hangs is started anew, restored, taken through those actions, and asked again; its
 * worlds then stand, bit for bit, where they would have stood.
 */
export class Crew {
  readonly #options: CrewOptions;
  #doorbell = new SharedArrayBuffer(8);
  #thread: Worker | undefined;
  #states: readonly EnvState[] | undefined;
  #log: Float32Array[] = [];
  #settle: ((answer: WorkerAnswer) => void) | undefined;
  /** Calls left for which there is more patience. */
  #patient = 0;
  /** Why the thread ended while nobody was asking it anything. */
  #obituary: string | undefined;
  #closed = false;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** Starts the thread. Throws an AgentError if its worlds cannot be made. */
  async open(): Promise<void> {
    await this.#attempt(async () => {});
  }

  async command(command: WorkerCommand): Promise<WorkerAnswer> {
    const answer = await this.#attempt(timeout => this.#call(command, timeout));
    if (answer.kind === 'states') this.#remember(answer.states);
    return answer;
  }

  /** Restores the worlds; they are also what a later recovery starts from. */
  async restore(states: readonly EnvState[]): Promise<void> {
    this.#remember(states);
    await this.#attempt(timeout => this.#call({ kind: 'restore', states, replay: [] }, timeout));
  }

  /** One step with the actions in shared memory, of which `actions` is the view on this worker's worlds. */
  async step(actions: Float32Array): Promise<void> {
    const taken = actions.slice();
    const saving = this.#log.length + 1 >= SAVE_INTERVAL;
    const answer = await this.#attempt(timeout => {
      actions.set(taken); // a recovery has used their place
      return this.#call(saving ? { kind: 'stepAndSave' } : 'step', timeout);
    });
    if (answer.kind === 'states') this.#remember(answer.states);
    else this.#log.push(taken);
  }

  /** Makes the worker fail, for tests of recovery; `kill` ends the thread from outside, whatever it is doing. */
  async fail(fault: Fault | 'kill'): Promise<void> {
    if (fault === 'kill') {
      await this.#thread?.terminate();
      return;
    }
    let failed = false;
    await this.#attempt(async timeout => {
      if (failed) return;
      failed = true;
      await this.#call({ kind: 'fault', fault }, timeout);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.terminate();
    this.#thread = undefined;
  }

  #remember(states: readonly EnvState[]): void {
    this.#states = states;
    this.#log = [];
  }

  /** Makes the call on a living worker, recovering between attempts. */
  async #attempt<T>(call: (timeoutMs: number) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const timeout = this.#options.stepTimeoutMs * (this.#patient > 0 ? PATIENCE : 1);
      try {
        if (this.#obituary !== undefined) throw new WorkerFailure(this.#obituary);
        if (!this.#thread) await this.#revive();
        const result = await call(timeout);
        if (this.#patient > 0) this.#patient--;
        return result;
      } catch (error) {
        if (this.#closed || !(error instanceof WorkerFailure)) throw error;
        await this.#bury(error);
        if (attempt === ATTEMPTS) throw this.#giveUp(error);
      }
    }
  }

  async #revive(): Promise<void> {
    const { module, start, startTimeoutMs } = this.#options;
    // A new bell each time: a worker on its way out must not hear the calls to its successor.
    this.#doorbell = new SharedArrayBuffer(8);
    const thread = new Worker(module, { workerData: { ...start, doorbell: this.#doorbell }, execArgv: [] });
    thread.unref(); // a call under way keeps the process alive by its timer
    this.#thread = thread;
    const settle = (answer: WorkerAnswer) => {
      if (thread !== this.#thread) return;
      if (this.#settle) this.#settle(answer);
      else if (answer.kind === 'error') this.#obituary ??= answer.message;
    };
    thread.on('message', settle);
    thread.on('error', error => settle({ kind: 'error', message: error.message }));
    thread.on('exit', code => settle({ kind: 'error', message: `the thread ended with code ${code}` }));
    await this.#answer(startTimeoutMs);
    if (!this.#states) return;
    await this.#call({ kind: 'restore', states: this.#states, replay: this.#log }, startTimeoutMs);
  }

  async #bury(failure: WorkerFailure): Promise<void> {
    const { worker, start, onFault } = this.#options;
    const thread = this.#thread;
    this.#thread = undefined;
    this.#obituary = undefined;
    await thread?.terminate();
    onFault({ worker, first: start.first, count: start.count, reason: failure.message });
  }

  #giveUp(failure: WorkerFailure): AgentError {
    const { worker, start } = this.#options;
    const worlds =
      start.count === 1 ? `world ${start.first}` : `worlds ${start.first} to ${start.first + start.count - 1}`;
    return new AgentError(`worker ${worker} (${worlds}) failed ${ATTEMPTS} times: ${failure.message}`);
  }

  #call(command: WorkerCommand | 'step', timeoutMs: number): Promise<WorkerAnswer> {
    const answer = this.#answer(timeoutMs);
    const bell = new Int32Array(this.#doorbell);
    if (command !== 'step') this.#thread!.postMessage(command);
    Atomics.store(bell, 1, command === 'step' ? CALL_STEP : CALL_MESSAGE);
    Atomics.add(bell, 0, 1);
    Atomics.notify(bell, 0);
    return answer;
  }

  /** The worker's next answer; rejects with a WorkerFailure if it fails or stays silent. */
  #answer(timeoutMs: number): Promise<WorkerAnswer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#settle = undefined;
        this.#patient = PATIENT_CALLS;
        reject(new WorkerFailure(`no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#settle = answer => {
        this.#settle = undefined;
        clearTimeout(timer);
        if (answer.kind === 'error') reject(new WorkerFailure(answer.message));
        else resolve(answer);
      };
    });
  }
}

class WorkerFailure extends Error {}
