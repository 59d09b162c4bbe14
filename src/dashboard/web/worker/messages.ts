import type { Candidates } from '../policy/sampling.ts';

/** A state of the world and what follows from it. */
export interface Moment {
  readonly observation: Float32Array;
  readonly contacts: Float32Array;
  readonly terms: Readonly<Record<string, number>>;
  readonly reward: number;
}

export interface Physics {
  /** m/s², downwards. */
  readonly gravity: number;
  /** Sliding friction of the floor. */
  readonly friction: number;
  /** World time per wall time. */
  readonly speed: number;
}

/** A force on a body in world axes, at a point: newtons and metres; or a torque (N m). */
export interface Push {
  readonly body: number;
  readonly point: readonly number[];
  readonly force: readonly number[];
  readonly torque: readonly number[];
}

export type WorkerRequest =
  | { readonly type: 'load'; readonly task: string }
  | {
      readonly type: 'policy';
      readonly algo: string;
      readonly weights: Uint8Array;
      readonly values: Readonly<Record<string, unknown>>;
    }
  | {
      readonly type: 'moment';
      readonly qpos: Float64Array;
      readonly before?: Float64Array;
      readonly action?: Float32Array;
    }
  | {
      readonly type: 'sample';
      readonly observation: Float32Array;
      readonly candidates: number;
      readonly seed: number;
      readonly actor: number;
    }
  | {
      readonly type: 'values';
      readonly observation: Float32Array;
      readonly actions: Float32Array;
      readonly actor: number;
    }
  | {
      readonly type: 'ahead';
      readonly qpos: Float64Array;
      readonly before?: Float64Array;
      readonly actions: Float32Array;
      readonly body: number;
      readonly seconds: number;
    }
  | { readonly type: 'timing' }
  | {
      readonly type: 'touch';
      readonly on: boolean;
      readonly actor: number;
      readonly seed: number;
      readonly qpos?: Float64Array;
    }
  | { readonly type: 'push'; readonly push: Push | null }
  | { readonly type: 'physics'; readonly physics: Physics }
  | { readonly type: 'rollout'; readonly seed: number; readonly steps: number; readonly actor: number };

export interface Loaded {
  readonly gravity: number;
  readonly friction: number;
  readonly obsDim: number;
  readonly actDim: number;
}
export interface PolicyLoaded {
  /** Labels of the ways to act, the policy's own first; empty if this page cannot run the algorithm. */
  readonly actors: readonly {
    readonly label: string;
    readonly kind: 'diffusion' | 'direct';
    readonly candidates: number;
  }[];
}
/** A step of the page's own world. */
export interface TouchPose {
  readonly qpos: Float64Array;
  readonly t: number;
  readonly reward: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly contacts: Float32Array;
  readonly episode: number;
  readonly microseconds: number;
}
export interface Timing {
  readonly label: string;
  readonly microseconds: number;
}
export interface Answers {
  load: Loaded;
  policy: PolicyLoaded;
  moment: Moment;
  sample: Candidates;
  /** min(Q₁, Q₂) of each action; empty without a critic. */
  values: Float32Array;
  /** Positions of the body [n, steps, 3]. */
  ahead: { readonly paths: Float32Array; readonly steps: number };
  timing: readonly Timing[];
  touch: boolean;
  push: boolean;
  physics: boolean;
  rollout: { readonly qpos: Float64Array; readonly rewards: Float64Array };
}

export type WorkerMessage =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly pose: TouchPose };
