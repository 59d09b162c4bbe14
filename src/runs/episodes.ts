import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../errors.ts';
import { replaceBytes } from './durable.ts';
import { decodeSafetensors, encodeSafetensors, stored } from './safetensors.ts';

/** An episode as the viewer plays it. T steps. */
export interface Episode {
  /** Environment steps of training when it ended. */
  readonly step: number;
  readonly kind: 'training' | 'evaluation';
  /** Which of several of this kind at this step. */
  readonly index: number;
  /** Undiscounted sum of rewards. */
  readonly episodeReturn: number;
  readonly terminated: boolean;
  /** Generalized positions, [T + 1, nq]: the first before the first action. */
  readonly qpos: Float64Array;
  /** In [-1, 1], [T, actDim]. */
  readonly actions: Float32Array;
  readonly rewards: Float32Array; // [T]
}

/** Episodes kept in a run directory; of more, those are thinned out that lie closest together in time. */
export const MAX_EPISODES = 200;

/** Writes one episode to `folder` (`episodes/` of a run) and deletes one if there are too many. Returns its file name. */
export async function recordEpisode(folder: string, episode: Episode, most = MAX_EPISODES): Promise<string> {
  const { step, kind, index, episodeReturn, terminated, qpos, actions, rewards } = episode;
  const length = rewards.length;
  if (length === 0) throw new RangeError('an episode has at least one step');
  const tensors = new Map([
    ['qpos', stored(qpos, [length + 1, qpos.length / (length + 1)])],
    ['actions', stored(actions, [length, actions.length / length])],
    ['rewards', stored(rewards)],
  ]);
  const metadata = { step, kind, index, episodeReturn, terminated, length };
  const texts = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]));
  const name = `${step}-${kind}-${index}.safetensors`;
  await replaceBytes(join(folder, name), encodeSafetensors(tensors, texts));
  const names = await listEpisodes(folder);
  if (names.length > most) await rm(join(folder, crowded(names)));
  return name;
}

/** File names of the episodes, oldest first. */
export async function listEpisodes(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter(name => /^\d+-[a-z]+-\d+\.safetensors$/.test(name));
  return names.sort((a, b) => stepOf(a) - stepOf(b) || (a < b ? -1 : 1));
}

/** Reads an episode. Throws `AgentError` if it is not one. */
export async function readEpisode(folder: string, name: string): Promise<Episode> {
  const { tensors, metadata } = decodeSafetensors(await readFile(join(folder, name)));
  const [qpos, actions, rewards] = ['qpos', 'actions', 'rewards'].map(key => tensors.get(key)?.data);
  if (!(qpos instanceof Float64Array) || !(actions instanceof Float32Array) || !(rewards instanceof Float32Array))
    throw new AgentError(`${join(folder, name)} is not an episode`);
  return {
    step: Number(metadata.step),
    kind: metadata.kind === 'evaluation' ? 'evaluation' : 'training',
    index: Number(metadata.index),
    episodeReturn: Number(metadata.episodeReturn),
    terminated: metadata.terminated === 'true',
    qpos,
    actions,
    rewards,
  };
}

/** Deletes the episodes that ended after `step`: training continues from there. */
export async function forgetEpisodesAfter(folder: string, step: number): Promise<void> {
  for (const name of await listEpisodes(folder)) {
    if (stepOf(name) > step) await rm(join(folder, name));
  }
}

/** The episode whose neighbours are nearest to each other; never the first nor the last. */
function crowded(names: readonly string[]): string {
  let least = 1;
  const gap = (i: number) => stepOf(names[i + 1]!) - stepOf(names[i - 1]!);
  for (let i = 2; i < names.length - 1; i++) if (gap(i) < gap(least)) least = i;
  return names[least]!;
}

function stepOf(name: string): number {
  return Number.parseInt(name, 10);
}
