import type { RngState } from '../random/rng.ts';
import type { EnvState } from './env.ts';

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
  /** Two Int32: how often it rang, and the call (`CALL_STEP` or `CALL_MESSAGE`). The worker sleeps on the first. */
  readonly doorbell: SharedArrayBuffer;
}

/** Step with the actions in shared memory: what happens nearly always, and needs no message. */
export const CALL_STEP = 0;
/** A `WorkerCommand` lies in the worker's port. */
export const CALL_MESSAGE = 1;

export type WorkerCommand =
  | { readonly kind: 'reset'; readonly streams: readonly RngState[] }
  /** Restores, then takes the steps made since, whose results are known already. */
  | { readonly kind: 'restore'; readonly states: readonly EnvState[]; readonly replay: readonly Float32Array[] }
  /** A step whose resulting states are wanted as well. */
  | { readonly kind: 'stepAndSave' }
  | { readonly kind: 'save' }
  | { readonly kind: 'qpos' }
  /** Fails on purpose, so that recovery is tested on the real thing. */
  | { readonly kind: 'fault'; readonly fault: Fault };

export type Fault = 'throw' | 'hang' | 'exit';

/** `ready` once, then one answer to each call. */
export type WorkerAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done' }
  | { readonly kind: 'states'; readonly states: readonly EnvState[] }
  | { readonly kind: 'qpos'; readonly qpos: readonly Float64Array[] }
  | { readonly kind: 'error'; readonly message: string };
