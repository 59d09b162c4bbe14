import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Transitions } from '../../data/batch.ts';
import { Dataset } from '../../data/dataset.ts';
import { Epochs } from '../../data/epochs.ts';
import { datasetHome } from '../../data/home.ts';
import { locate } from '../../data/locate.ts';
import { readLocated } from '../../data/openDataset.ts';
import { AffineRewards, type RewardTransform, rewardScale, transformRewards } from '../../data/rewards.ts';
import { type ScoreRange, scoreRange } from '../../data/scores.ts';
import { openReplay } from '../../loops/openReplay.ts';
import { readConfig } from '../../runs/runConfig.ts';

/** What `--dataset` stands for, read. */
export interface OfflineData {
  /** `hopper-medium-v2`, `local/…`, a file, or a run. */
  readonly name: string;
  /** The published collection whose settings apply: `hopper-medium-v2` for `local/hopper-medium` too. */
  readonly like: string;
  /** The task that policies trained on it are evaluated on. */
  readonly task?: string;
  readonly scores?: ScoreRange;
  readonly sha256?: string;
  readonly size: number;
  readonly obsDim: number;
  readonly actDim: number;
  /** What training draws from: rewards transformed, without replacement within an epoch. */
  draws(transform: RewardTransform): Transitions;
}

export interface OpenOptions {
  /** Time limit of the task: for files that do not mark where the clock ended episodes. */
  readonly maxEpisodeSteps?: number;
  /** Told what a short name was taken for. */
  readonly say?: (text: string) => void;
  /** Downloads a published set that is not here. */
  readonly fetch?: (name: string) => Promise<unknown>;
}

/**
 * Opens a dataset, a file, or the replay of an online run. Throws `UsageError` for what is missing, damaged, or holds
 * actions that no policy here could take.
 */
export async function openOffline(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  { maxEpisodeSteps, say, fetch }: OpenOptions = {},
): Promise<OfflineData> {
  if (existsSync(join(name, 'config.json'))) return openRun(name);
  const located = locate(name, datasetHome(env));
  if (located.completed) say?.(`${name} means ${located.name}`);
  if (!existsSync(located.file)) await fetch?.(located.name);
  const { steps, envId: task, scores, sha256 } = await readLocated(located, { maxEpisodeSteps });
  const dataset = new Dataset(steps, { name: located.name });
  dataset.checkActions();
  return {
    name: located.name,
    like: located.entry?.name ?? located.name,
    task,
    scores,
    sha256,
    size: dataset.size,
    obsDim: dataset.obsDim,
    actDim: dataset.actDim,
    draws: transform => new Epochs(transformRewards(dataset, transform)),
  };
}

/** What an online run collected; drawn with replacement, as online. */
async function openRun(directory: string): Promise<OfflineData> {
  const { task } = readConfig(directory);
  const replay = await openReplay(directory);
  const { size, obsDim, actDim, total } = replay;
  const draws = (transform: RewardTransform) =>
    new AffineRewards(replay, rewardScale(replay.read(total - size, size), transform));
  return { name: directory, like: task, task, scores: scoreRange(task), size, obsDim, actDim, draws };
}
