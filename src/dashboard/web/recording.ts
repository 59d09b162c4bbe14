import { readSafetensors } from './safetensors.ts';

/** A recorded episode: T steps. */
export interface Recording {
  readonly name: string;
  readonly step: number;
  readonly kind: string;
  readonly episodeReturn: number;
  readonly length: number;
  readonly nq: number;
  /** [(T + 1) × nq] */
  readonly qpos: Float64Array;
  /** [T × actDim], in [-1, 1] */
  readonly actions: Float32Array;
  readonly rewards: Float32Array;
}

export function readRecording(name: string, bytes: Uint8Array): Recording {
  const { tensors, metadata } = readSafetensors(bytes);
  const [qpos, actions, rewards] = ['qpos', 'actions', 'rewards'].map(key => tensors.get(key));
  if (!qpos || !actions || !rewards) throw new Error(`${name} is no episode`);
  return {
    name,
    step: Number(metadata.step ?? 0),
    kind: metadata.kind ?? 'training',
    episodeReturn: Number(metadata.episodeReturn),
    length: rewards.shape[0] ?? 0,
    nq: qpos.shape[1] ?? 0,
    qpos: qpos.data as Float64Array,
    actions: actions.data as Float32Array,
    rewards: rewards.data as Float32Array,
  };
}
