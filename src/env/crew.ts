import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { AgentError } from '../errors.ts';
import type { EnvState } from './env.ts';
import {
  ANSWER,
  ANSWERED,
  BEATS,
  BELL_WORDS,
  CALL,
  type Fault,
  MESSAGE,
  PLAIN,
  RUNG,
  SOON,
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
  readonly start: Omit<WorkerStart, 'bell' | 'port'>;
  readonly worker: number;
  /** Milliseconds for one world's step (and for a call without steps), after which the worker counts as hanging. */
  readonly stepTimeoutMs: number;
  /** Milliseconds for loading the engine and making the first world. */
  readonly startTimeoutMs: number;
  readonly onFault: (fault: WorkerFault) => void;
}

/** MB of a worker's short-lived heap: small, so that its garbage stays in the core's cache and leaves the engine there too. */
const YOUNG_MB = 3;
/** Attempts at one call before the run stops. */
const ATTEMPTS = 3;
/** Steps between two saved states: what a new worker has to take again at most. */
const SAVE_INTERVAL = 100;
/** ms for which the main thread sleeps between two turns of its event loop while a worker is late. */
const NAP_MS = 5;
/** A look at the silent worker counts for so many ms at most: a process that was stopped itself blames nobody. */
const LONGEST_GAP_MS = 50;
/** A step that follows the last within so many ms will be followed likewise: the workers stay awake for the next. */
const SOON_MS = 0.05;
/** Steps that follow closely leave the event loop's turns out, as they cost a core that the workers need; for so many ms at most. */
const LONGEST_WITHOUT_TURN_MS = 15;

/**
 * One worker thread and what is needed to replace it: the last saved states of its worlds and the actions since. A
 * worker that throws, dies or hangs is started anew, restored, taken through those actions, and asked again; its
 * worlds then stand, bit for bit, where they would have stood.
 */
export class Crew {
  readonly #options: CrewOptions;
  #thread: Worker | undefined;
  // New ones for each thread: one on its way out must not hear the calls to its successor.
  #bell: Int32Array = new Int32Array(BELL_WORDS);
  #port: MessagePort | undefined;
  #call = 0;
  #states: readonly EnvState[] | undefined;
  #log: Float32Array[] = [];
  /** The step under way: its actions, copied, and where they go. */
  #taken = new Float32Array(0);
  #place: Float32Array = new Float32Array(0);
  #soon = false;
  /** Whether the thread was called for it: a dead one cannot be. */
  #begun = false;
  /** Why the thread ended. */
  #obituary: string | undefined;
  #closed = false;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /** Starts the thread. Throws an AgentError if its worlds cannot be made. */
  async open(): Promise<void> {
    await this.#attempt(() => Promise.resolve());
  }

  async command(command: WorkerCommand): Promise<WorkerAnswer> {
    const answer = await this.#attempt(() => this.#ask(command));
    if (answer.kind === 'states') this.#remember(answer.states);
    return answer;
  }

  /** Restores the worlds; they are also what a later recovery starts from. */
  async restore(states: readonly EnvState[]): Promise<void> {
    this.#remember(states);
    await this.#attempt(() => this.#ask({ kind: 'restore', states, replay: [] }));
  }

  /**
   * Begins a step with the actions in shared memory, of which `actions` is the view on this worker's worlds. `soon`: the
   * next one will follow closely.
   */
  beginStep(actions: Float32Array, soon: boolean): void {
    this.#place = actions;
    this.#taken = actions.slice();
    this.#soon = soon;
    this.#begun = this.#thread !== undefined && this.#obituary === undefined;
    if (this.#begun) this.#ringForStep();
  }

  /** Ends the step begun: returns a promise only if the worker has not answered yet. */
  endStep(): Promise<void> | undefined {
    if (!this.#begun) return this.#endStepSlowly();
    const answered = Atomics.load(this.#bell, ANSWERED) === this.#call && Atomics.load(this.#bell, ANSWER) === PLAIN;
    if (!answered) return this.#endStepSlowly();
    this.#log.push(this.#taken);
    return undefined;
  }

  /** Makes the worker fail, for tests of recovery; `kill` ends the thread from outside, whatever it is doing. */
  async fail(fault: Fault | 'kill'): Promise<void> {
    if (fault === 'kill') {
      await this.#thread?.terminate();
      return;
    }
    let failed = false;
    await this.#attempt(async () => {
      if (failed) return;
      failed = true;
      await this.#ask({ kind: 'fault', fault });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.terminate();
    this.#thread = undefined;
  }

  get #saving(): boolean {
    return this.#log.length + 1 >= SAVE_INTERVAL;
  }

  #ringForStep(): void {
    this.#place.set(this.#taken); // a recovery has used their place
    Atomics.store(this.#bell, SOON, this.#soon ? 1 : 0);
    this.#ring(this.#saving ? { kind: 'stepAndSave' } : undefined);
  }

  async #endStepSlowly(): Promise<void> {
    const answer = await this.#attempt(() => {
      if (!this.#begun) this.#ringForStep();
      this.#begun = false;
      return this.#answer(this.#options.stepTimeoutMs);
    });
    if (answer.kind === 'states') this.#remember(answer.states);
    else this.#log.push(this.#taken);
  }

  #remember(states: readonly EnvState[]): void {
    this.#states = states;
    this.#log = [];
  }

  /** Makes the call on a living worker, recovering between attempts. */
  async #attempt<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (!this.#thread) await this.#revive();
        return await call();
      } catch (error) {
        if (this.#closed || !(error instanceof WorkerFailure)) throw error;
        await this.#bury(error);
        if (attempt === ATTEMPTS) throw this.#giveUp(error);
      }
    }
  }

  async #revive(): Promise<void> {
    const { module, start, startTimeoutMs, stepTimeoutMs } = this.#options;
    const bell = new SharedArrayBuffer(4 * BELL_WORDS);
    const { port1, port2 } = new MessageChannel();
    const workerData: WorkerStart = { ...start, bell, port: port2 };
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    const thread = new Worker(module, { workerData, transferList: [port2], execArgv: [], resourceLimits });
    thread.unref(); // a call under way keeps the process alive by itself
    const died = (reason: string) => {
      if (thread === this.#thread) this.#obituary ??= reason;
    };
    thread.on('error', error => died(error.message));
    thread.on('exit', code => died(`the thread ended with code ${code}`));
    this.#thread = thread;
    this.#port = port1;
    this.#bell = new Int32Array(bell);
    this.#call = 0;
    Atomics.store(this.#bell, ANSWERED, -1);
    await this.#answer(startTimeoutMs);
    if (this.#states) await this.#ask({ kind: 'restore', states: this.#states, replay: this.#log }, stepTimeoutMs);
  }

  async #bury(failure: WorkerFailure): Promise<void> {
    const { worker, start, onFault } = this.#options;
    const thread = this.#thread;
    this.#thread = undefined;
    this.#obituary = undefined;
    this.#port?.close();
    await thread?.terminate();
    onFault({ worker, first: start.first, count: start.count, reason: failure.message });
  }

  #giveUp(failure: WorkerFailure): AgentError {
    const { worker, start } = this.#options;
    const worlds =
      start.count === 1 ? `world ${start.first}` : `worlds ${start.first} to ${start.first + start.count - 1}`;
    return new AgentError(`worker ${worker} (${worlds}) failed ${ATTEMPTS} times: ${failure.message}`);
  }

  #ask(command: WorkerCommand, timeoutMs = this.#options.stepTimeoutMs): Promise<WorkerAnswer> {
    this.#ring(command);
    return this.#answer(timeoutMs);
  }

  /** Calls the worker: for a command, or for a plain step. */
  #ring(command?: WorkerCommand): void {
    if (command) this.#port!.postMessage(command);
    Atomics.store(this.#bell, CALL, command ? MESSAGE : PLAIN);
    Atomics.store(this.#bell, RUNG, ++this.#call);
    Atomics.notify(this.#bell, RUNG);
  }

  /** The answer to the last call; throws a WorkerFailure if the worker fails, or makes no progress for `timeoutMs`. */
  async #answer(timeoutMs: number): Promise<WorkerAnswer> {
    let beats = Atomics.load(this.#bell, BEATS);
    let silentMs = 0;
    let looked = performance.now();
    while (Atomics.load(this.#bell, ANSWERED) !== this.#call) {
      if (this.#obituary !== undefined) throw new WorkerFailure(this.#obituary);
      const now = performance.now();
      const progress = Atomics.load(this.#bell, BEATS);
      silentMs = progress === beats ? silentMs + Math.min(now - looked, LONGEST_GAP_MS) : 0;
      if (silentMs >= timeoutMs) throw new WorkerFailure(`no answer within ${timeoutMs} ms`);
      beats = progress;
      looked = now;
      Atomics.wait(this.#bell, ANSWERED, this.#call - 1, NAP_MS);
      await eventLoopTurn();
    }
    if (Atomics.load(this.#bell, ANSWER) === PLAIN) return { kind: 'done' };
    const { message } = receiveMessageOnPort(this.#port!) as { message: WorkerAnswer };
    if (message.kind === 'error') throw new WorkerFailure(message.message);
    return message;
  }
}

/** Lets the main thread hear of ended threads, signals and timers. */
export function eventLoopTurn(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve);
  });
}

/** Tells whether one step follows closely on another, and whether the event loop has waited for long. */
export class Pace {
  #endedAt = Number.NEGATIVE_INFINITY;
  #turnedAt = Number.NEGATIVE_INFINITY;

  get soon(): boolean {
    return performance.now() - this.#endedAt < SOON_MS;
  }

  get turnIsDue(): boolean {
    return performance.now() - this.#turnedAt >= LONGEST_WITHOUT_TURN_MS;
  }

  ended(): void {
    this.#endedAt = performance.now();
  }

  turned(): void {
    this.#turnedAt = performance.now();
  }
}

class WorkerFailure extends Error {}
