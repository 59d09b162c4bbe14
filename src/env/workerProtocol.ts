import type { MessagePort } from 'node:worker_threads';
import type { RngState } from '../random/rng.ts';
import type { EnvState, Glance } from './env.ts';

/** What the worker thread is started with. */
export interface WorkerStart {
  /** Passed to the worker's own `makeEnv`. */
  readonly id: string;
  readonly options: unknown;
  /** Sizes of the whole, and which worlds are this worker's: first … first + count − 1. */
  readonly numEnvs: number;
  readonly obsDim: number;
  readonly actDim: number;
  readonly first: number;
  readonly count: number;
  /** Holds `stepBuffers`. */
  readonly memory: SharedArrayBuffer;
  /** An Int32, of all workers: how many of them have not ended their step. Who comes last wakes the main thread. */
  readonly left: SharedArrayBuffer;
  /** `BELL_WORDS` Int32, through which the threads call and answer each other. */
  readonly bell: SharedArrayBuffer;
  /** Carries commands and answers that are more than "step" and "done". */
  readonly port: MessagePort;
}

/** Words of the bell. Number of the call that waits for an answer: the worker sleeps on it. */
export const RUNG = 0;
/** Number of the last call that was answered, -1 before the worker is ready. */
export const ANSWERED = 1;
/** What is called or answered: `PLAIN` or `MESSAGE`. */
export const CALL = 2;
export const ANSWER = 3;
/** Counts the worlds made or stepped: a worker that counts is not hanging. */
export const BEATS = 4;
/** 1: the next call will come soon, so waiting for it awake is cheaper than falling asleep. */
export const SOON = 5;
/** 128 bytes, more than are used: no two workers write to one cache line. */
export const BELL_WORDS = 32;

/** A step with the actions in shared memory, and its end: what happens nearly always, and needs no message. */
export const PLAIN = 0;
/** A `WorkerCommand` or `WorkerAnswer` lies in the port. */
export const MESSAGE = 1;

export type WorkerCommand =
  | { readonly kind: 'reset'; readonly streams: readonly RngState[] }
  /** Restores, then takes the steps made since, whose results are known already. */
  | { readonly kind: 'restore'; readonly states: readonly EnvState[]; readonly replay: readonly Float32Array[] }
  /** A step whose resulting states are wanted as well. */
  | { readonly kind: 'stepAndSave' }
  | { readonly kind: 'save' }
  | { readonly kind: 'qpos' }
  | { readonly kind: 'glance'; readonly world: number }
  /** Fails on purpose, so that recovery is tested on the real thing. */
  | { readonly kind: 'fault'; readonly fault: Fault };

export type Fault = 'throw' | 'hang' | 'exit';

/** One to each call; a `PLAIN` answer stands for `done`. */
export type WorkerAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'states'; readonly states: readonly EnvState[] }
  | { readonly kind: 'qpos'; readonly qpos: readonly Float64Array[] }
  | { readonly kind: 'glance'; readonly glance: Glance | undefined }
  | { readonly kind: 'error'; readonly message: string };
