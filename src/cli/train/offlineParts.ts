import type { Algorithm } from '../../algorithms/algorithm.ts';
import { algorithms } from '../../algorithms/catalog.ts';
import type { Transitions } from '../../data/batch.ts';
import type { RewardTransform } from '../../data/rewards.ts';
import { normalizedScore, scoreRange } from '../../data/scores.ts';
import type { VectorEnv } from '../../env/env.ts';
import { AgentError, UsageError } from '../../errors.ts';
import type { OfflineSchedule } from '../../loops/offline.ts';
import { takeStage } from '../../loops/takeStage.ts';
import { Rng } from '../../random/rng.ts';
import type { NewRunConfig } from '../../runs/runConfig.ts';
import type { StoredTensors } from '../../runs/safetensors.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import { type OfflineData, openOffline } from './offlineData.ts';
import type { OfflineOptions } from './offlinePlan.ts';
import { makeWorlds } from './onlineParts.ts';

/** What a run is made of, from its configuration. */
export interface OfflineParts {
  readonly algorithm: Algorithm;
  readonly data: Transitions;
  readonly evaluationEnv?: VectorEnv;
  readonly normalize?: (episodeReturn: number) => number;
  readonly schedule: OfflineSchedule;
  readonly taken: ReadonlyMap<string, () => Promise<StoredTensors>>;
}

/** Builds everything around what was read and built for the plan; on a resume, reads and builds that too. */
export async function buildOffline(
  config: NewRunConfig,
  known?: { readonly data: OfflineData; readonly algorithm: Algorithm },
): Promise<OfflineParts> {
  const options = config.options as OfflineOptions;
  const data = known?.data ?? (await reopen(options));
  const algorithm = known?.algorithm ?? buildOfflineAlgorithm(config, data);
  const range = data.scores ?? scoreRange(config.task);
  const { logEvery, evalEvery, evalEpisodes, checkpointEvery } = options;
  const take = Object.entries(options.takenFrom).map(
    ([stage, run]) => [stage, () => takeStage(algorithm, config.algo, stage, run)] as const,
  );
  return {
    algorithm,
    data: data.draws((config.values.rewardTransform ?? 'none') as RewardTransform),
    evaluationEnv: options.env === null ? undefined : await makeWorlds(options.env, options.evalEnvs),
    normalize: range && (episodeReturn => normalizedScore(episodeReturn, range)),
    schedule: { logEvery, evalEvery, evalEpisodes, checkpointEvery },
    taken: new Map(take),
  };
}

/** The algorithm with its initial weights, which the run's seed decides. */
export function buildOfflineAlgorithm(
  config: Pick<NewRunConfig, 'algo' | 'seed' | 'values'>,
  { obsDim, actDim }: { readonly obsDim: number; readonly actDim: number },
): Algorithm {
  const definition = algorithms.get(config.algo);
  if (!definition) throw new AgentError(`this version has no algorithm "${config.algo}"`);
  const initial = new StreamNoise(new Rng(config.seed).split('initial weights'));
  return definition.create({ obsDim, actDim }, config.values as never, initial);
}

/** The data a run began with. Throws `UsageError` if something else lies there now. */
async function reopen({ dataset, sha256, transitions }: OfflineOptions): Promise<OfflineData> {
  const data = await openOffline(dataset, process.env);
  if (data.size !== transitions || (sha256 !== null && data.sha256 !== sha256))
    throw new UsageError(
      `${dataset} is not what the run was trained on: ${data.size} transitions${sha256 === null ? '' : ', another checksum'}, ${transitions} then`,
    );
  return data;
}
