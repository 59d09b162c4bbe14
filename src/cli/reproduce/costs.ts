import type { Algorithm, Stage } from '../../algorithms/algorithm.ts';
import type { Batch } from '../../data/batch.ts';
import { readMetrics } from '../../loops/readMetrics.ts';
import { restoreVariables } from '../../loops/variables.ts';
import { Rng } from '../../random/rng.ts';
import { readCheckpoint } from '../../runs/readRun.ts';
import { readConfig } from '../../runs/runConfig.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import { type Tensor2D, tf } from '../../tensor/tf.ts';
import { syntheticBatch } from '../train/measureUpdate.ts';
import { buildOfflineAlgorithm } from '../train/offlineParts.ts';
import type { OfflineOptions } from '../train/offlinePlan.ts';

/** What an offline run costs on this machine now. */
export interface Cost {
  /** All updates of all stages. */
  readonly trainingSeconds: number;
  /** An action of the last policy for one observation. */
  readonly actionSeconds: number;
}

/** Calls that warm up, and calls that are measured. */
const [WARM, MEASURED] = [3, 21];

/** Something to be timed: a stage's update, or an action. */
type Call = () => void;

/**
 * Medians over calls of all runs in turns, so that whatever else the machine does slows all of them alike. Updates see
 * made-up transitions: what they cost does not depend on the numbers. The backend has to be started.
 */
export async function measureInTurns(runs: readonly string[]): Promise<Cost[]> {
  const subjects = await Promise.all(runs.map(subjectOf));
  const times = new Map<Call, number[]>();
  for (let round = 0; round < WARM + MEASURED; round++)
    for (const { action, updates } of subjects) {
      action(); // brings its weights back into the cache, as when nothing else acts
      for (const call of [action, ...updates.map(({ call }) => call)]) {
        const begin = performance.now();
        call();
        if (round >= WARM) times.set(call, [...(times.get(call) ?? []), (performance.now() - begin) / 1000]);
      }
    }
  const median = (call: Call) => times.get(call)!.sort((a, b) => a - b)[(MEASURED - 1) / 2]!;
  const costs = subjects.map(({ action, updates }) => ({
    actionSeconds: median(action),
    trainingSeconds: updates.reduce((sum, { call, count }) => sum + count * median(call), 0),
  }));
  for (const { algorithm } of subjects) tf.dispose(algorithm.variables);
  return costs;
}

interface Subject {
  readonly algorithm: Algorithm;
  readonly action: Call;
  /** A pair of updates of each stage, for an update that leaves out the policy every second time, and half their number. */
  readonly updates: readonly { readonly call: Call; readonly count: number }[];
}

/** The algorithm of an offline run with the weights of its last checkpoint. */
async function subjectOf(run: string): Promise<Subject> {
  const config = readConfig(run);
  const sizes = config.options as OfflineOptions;
  const algorithm = buildOfflineAlgorithm(config, sizes);
  restoreVariables(algorithm.variables, (await readCheckpoint(run, 'last')).tensors);
  const rng = new Rng(0).split('costs');
  const noise = new StreamNoise(rng.split('noise'));
  const observation = Float32Array.from({ length: sizes.obsDim }, () => rng.normal());
  const act = () => {
    tf.tidy(() => algorithm.act(tf.tensor2d(observation, [1, sizes.obsDim]) as Tensor2D, 'exploit', noise).dataSync());
  };
  const stages = algorithm.stages.filter(({ name, steps }) => steps && !(name in sizes.takenFrom));
  const updates = stages.map(stage => {
    const batch = syntheticBatch(stage.batchSize, sizes, rng);
    return { call: pairOf(stage, batch, noise), count: stage.steps! / 2 };
  });
  return { algorithm, action: act, updates };
}

function pairOf(stage: Stage, batch: Batch, noise: StreamNoise): Call {
  return () => {
    for (let i = 0; i < 2; i++) tf.tidy(() => void readMetrics(stage.update(() => batch, 0, noise)));
  };
}
