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
  /** `xml`: a model of the run's own. */
  | { readonly type: 'load'; readonly task: string; readonly xml?: string }
  | {
      readonly type: 'policy';
      readonly algo: string;
      /** Of the run. */
      readonly seed: number;
      readonly weights: Uint8Array;
      readonly values: Readonly<Record<string, unknown>>;
      /** Another checkpoint's policy, kept beside the run's own as the last of the actors. */
      readonly label?: string;
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
    }
  | { readonly type: 'values'; readonly observation: Float32Array; readonly actions: Float32Array }
  /** V at a state. */
  | { readonly type: 'worth'; readonly qpos: Float64Array; readonly before?: Float64Array }
  | {
      /** SRPO: the behaviour's score at noise time t and actions [n, A]. */
      readonly type: 'score';
      readonly observation: Float32Array;
      readonly actions: Float32Array;
      readonly t: number;
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
      /** Another actor from the same start, as a ghost. */
      readonly twin?: number;
      readonly seed: number;
      readonly qpos?: Float64Array;
      readonly before?: Float64Array;
    }
  | { readonly type: 'push'; readonly push: Push | null }
  | { readonly type: 'physics'; readonly physics: Physics }
  | {
      readonly type: 'rollout';
      readonly seed: number;
      readonly qpos?: Float64Array;
      readonly before?: Float64Array;
      readonly steps: number;
      readonly actor: number;
      /** On into the next episodes, until the steps are taken. */
      readonly through?: boolean;
      /** From where the last rollout stopped: a long one comes in pieces. */
      readonly on?: boolean;
    };

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
  /** Whether its denoising can be shown. */
  readonly samples: boolean;
  /** Whether it has a score field (SRPO). */
  readonly score: boolean;
}
/** A step of a world of the page. */
export interface WorldPose {
  readonly qpos: Float64Array;
  readonly reward: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly contacts: Float32Array;
  /** What the action took to compute. */
  readonly microseconds: number;
}
export interface TouchPose extends WorldPose {
  readonly t: number;
  readonly episode: number;
  /** The other actor's world, while its episode lasts. */
  readonly twin?: WorldPose;
}
export interface Timing {
  readonly label: string;
  readonly kind: 'diffusion' | 'direct';
  readonly microseconds: number;
}
/** SRPO at one observation: what moves the policy's action. */
export interface ScoreField {
  /** ∇ log μ_t at the actions asked for [n, A]. */
  readonly score: Float32Array;
  /** The policy's action, and there ∇ log μ_t and ∇ ½(Q₁ + Q₂), [A] each. */
  readonly action: Float32Array;
  readonly own: Float32Array;
  readonly gradient: Float32Array;
}
export interface Answers {
  load: Loaded;
  policy: PolicyLoaded;
  moment: Moment;
  sample: Candidates;
  /** min(Q₁, Q₂) of each action; empty without a critic. */
  values: Float32Array;
  /** min(Q₁, Q₂) of the action that the policy takes there; NaN without a critic. */
  worth: number;
  score: ScoreField;
  /** Positions of the body [n, steps, 3]. */
  ahead: { readonly paths: Float32Array; readonly steps: number };
  timing: readonly Timing[];
  touch: boolean;
  push: boolean;
  physics: boolean;
  /** The start and T steps: qpos [(T + 1) × nq]. `over`: the episode ended with the last. */
  rollout: { readonly qpos: Float64Array; readonly rewards: Float64Array; readonly over: boolean };
}

export type WorkerMessage =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly pose: TouchPose };
