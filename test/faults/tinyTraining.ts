import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeEnv } from '../../envs/registry.ts';
import type { Algorithm } from '../../src/algorithms/algorithm.ts';
import { algorithms } from '../../src/algorithms/catalog.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import { ReplayBuffer } from '../../src/data/replayBuffer.ts';
import type { VectorEnv } from '../../src/env/env.ts';
import { LocalVectorEnv } from '../../src/env/vectorEnv.ts';
import { trainOnline } from '../../src/loops/online.ts';
import type { OnlineWatcher, TrainingResult } from '../../src/loops/onlineRun.ts';
import { openReplay } from '../../src/loops/openReplay.ts';
import { Rng } from '../../src/random/rng.ts';
import type { Disk } from '../../src/runs/durable.ts';
import { readCheckpoint } from '../../src/runs/readRun.ts';
import { RunStore } from '../../src/runs/runStore.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { toyConfig } from './toyConfig.ts';

/** A real training, small enough for hundreds: an algorithm with narrow networks in a MuJoCo world. */
export interface TinyTraining {
  readonly directory: string;
  readonly algo?: string;
  readonly task?: string;
  readonly numEnvs?: number;
  readonly steps?: number;
  readonly capacity?: number;
  readonly disk?: Disk;
  readonly watcher?: OnlineWatcher;
  readonly stopRequested?: () => boolean;
  /** Stands in front of the worlds and the algorithm: to make them go wrong. */
  readonly wrapEnv?: (env: VectorEnv) => VectorEnv;
  readonly wrapAlgorithm?: (algorithm: Algorithm) => Algorithm;
  /** Who changes hyperparameters before each step. */
  readonly tune?: (algorithm: Algorithm, values: Readonly<Record<string, unknown>>) => (step: number) => void;
}

const SMALL = { hidden: 8, batchSize: 8 };
const EXTRA: Readonly<Record<string, Record<string, number>>> = {
  qvpo: { diffusionSteps: 3, candidates: 4, evaluationCandidates: 2, behaviorCandidates: 2, targetCandidates: 2 },
};

/** Starts the training, or continues it if the directory exists; closes everything, whatever happens. */
export async function tinyTraining(options: TinyTraining, resume: boolean): Promise<TrainingResult> {
  const { directory, algo = 'qvpo', task = 'InvertedPendulum-v4', numEnvs = 1, steps = 160, capacity = 100 } = options;
  const definition = algorithms.get(algo)!;
  const values = { ...SMALL, ...EXTRA[algo] };
  const { values: config } = resolve(definition.hyperparameters, [{ source: 'test', values }]);
  const seed = 3;
  const worlds = async (count: number) =>
    new LocalVectorEnv(await Promise.all(Array.from({ length: count }, () => makeEnv(task))));
  const env = await worlds(numEnvs);
  const evaluationEnv = await worlds(2);
  const sizes = {
    obsDim: env.spec.observationSpace.low.length,
    actDim: env.spec.actionSpace.low.length,
  };
  const algorithm = definition.create(sizes, config, new StreamNoise(new Rng(seed).split('initial')));
  const store = resume
    ? await RunStore.open(directory, { disk: options.disk })
    : RunStore.create({ directory, config: { ...toyConfig, algo, task, seed, steps }, disk: options.disk });
  try {
    return await trainOnline({
      algorithm: options.wrapAlgorithm?.(algorithm) ?? algorithm,
      env: options.wrapEnv?.(env) ?? env,
      evaluationEnv,
      replay: new ReplayBuffer({ capacity, ...sizes }),
      store,
      seed,
      schedule: {
        steps,
        warmupSteps: 20,
        updatesPerStep: 1,
        logEvery: 10,
        evalEvery: 40,
        evalEpisodes: 3,
        checkpointEvery: 15,
      },
      resume,
      watchers: options.watcher ? [options.watcher] : [],
      stopRequested: options.stopRequested,
      beforeStep: options.tune?.(algorithm, config as Readonly<Record<string, unknown>>),
    });
  } finally {
    await store.close();
    await Promise.all([env.close(), evaluationEnv.close()]);
    for (const variable of Object.values(algorithm.variables)) variable.dispose();
  }
}

/** All that a run leaves but wall times, as text: equal texts, equal runs. */
export async function fingerprint(directory: string): Promise<{ state: string; metrics: string; replay: string }> {
  const { step, tensors, state } = await readCheckpoint(directory, 'last');
  const replay = await openReplay(directory);
  const columns = replay.read(replay.total - replay.size, replay.size);
  const rows = readFileSync(join(directory, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const metrics = rows.map(line =>
    JSON.stringify(JSON.parse(line), (key, value: unknown) =>
      key === 'seconds' || key.startsWith('time/') ? 0 : value,
    ),
  );
  const entries = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    state: bytes({ step, entries, state }),
    metrics: metrics.join('\n'),
    replay: bytes({ total: replay.total, columns }),
  };
}

function bytes(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (ArrayBuffer.isView(item)) return Buffer.from(item.buffer, item.byteOffset, item.byteLength).toString('base64');
    return item;
  });
}
