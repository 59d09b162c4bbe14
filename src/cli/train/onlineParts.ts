import { makeVectorEnv, suitableWorkers } from '../../../envs/vector.ts';
import type { Algorithm } from '../../algorithms/algorithm.ts';
import { algorithms } from '../../algorithms/catalog.ts';
import { ReplayBuffer, type TimeLimit } from '../../data/replayBuffer.ts';
import type { WorkerFault } from '../../env/crew.ts';
import type { EnvSpec, VectorEnv } from '../../env/env.ts';
import { AgentError } from '../../errors.ts';
import type { OnlineSchedule } from '../../loops/onlineRun.ts';
import { Rng } from '../../random/rng.ts';
import type { NewRunConfig } from '../../runs/runConfig.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import type { LoopOptions } from './onlinePlan.ts';
import type { OwnModel } from './ownModel.ts';
import { connectTo, type Simulators } from './simulator.ts';

/** What a run is made of, from its configuration. */
export interface OnlineParts {
  readonly algorithm: Algorithm;
  readonly env: VectorEnv;
  readonly evaluationEnv: VectorEnv;
  readonly replay: ReplayBuffer;
  readonly schedule: OnlineSchedule;
}

/** Builds worlds, algorithm and an empty replay. The backend must be running. `onFault` hears of replaced worker threads. */
export async function buildOnline(
  config: NewRunConfig,
  onFault?: (fault: WorkerFault) => void,
  onSimulatorFault?: (message: string) => void,
): Promise<OnlineParts> {
  const options = config.options as LoopOptions;
  const values = config.values as { warmupSteps: number; updatesPerStep: number } & Record<string, unknown>;
  const { sim, model } = options;
  const env = sim
    ? await connectTo({ ...options, sim }, options.numEnvs, config.task, onSimulatorFault)
    : await makeVectorEnv(model?.task ?? config.task, options.numEnvs, {
        workers: suitableWorkers(options.numEnvs),
        modelXml: model?.xml,
        onFault,
      });
  const evaluationEnv = await makeWorlds(config.task, options.evalEnvs, options, onSimulatorFault).catch(
    async error => {
      await env.close();
      throw error;
    },
  );
  return {
    algorithm: buildAlgorithm(config, env.spec),
    env,
    evaluationEnv,
    replay: new ReplayBuffer({
      capacity: values.replayCapacity as number,
      ...sizesOf(env.spec),
      timeLimit: values.timeLimit as TimeLimit,
    }),
    schedule: {
      steps: config.steps,
      warmupSteps: values.warmupSteps,
      updatesPerStep: values.updatesPerStep,
      logEvery: options.logEvery,
      evalEvery: options.evalEvery,
      evalEpisodes: options.evalEpisodes,
      checkpointEvery: options.checkpointEvery,
    },
  };
}

/** The algorithm with its initial weights, which the run's seed decides. */
export function buildAlgorithm(config: Pick<NewRunConfig, 'algo' | 'seed' | 'values'>, spec: EnvSpec): Algorithm {
  const definition = algorithms.get(config.algo);
  if (!definition) throw new AgentError(`this version has no algorithm "${config.algo}"`);
  const initial = new StreamNoise(new Rng(config.seed).split('initial weights'));
  return definition.create(sizesOf(spec), config.values as never, initial);
}

/** `count` worlds of a task in this thread, with the run's own model if it has one, or of the simulators that it names. */
export function makeWorlds(
  task: string,
  count: number,
  options: Partial<Simulators> & { readonly model?: OwnModel } = {},
  onSimulatorFault?: (message: string) => void,
): Promise<VectorEnv> {
  const { sim, model } = options;
  if (sim) return connectTo({ ...options, sim }, count, task, onSimulatorFault);
  return makeVectorEnv(model?.task ?? task, count, { modelXml: model?.xml });
}

export function sizesOf(spec: EnvSpec): { obsDim: number; actDim: number } {
  return { obsDim: spec.observationSpace.low.length, actDim: spec.actionSpace.low.length };
}
