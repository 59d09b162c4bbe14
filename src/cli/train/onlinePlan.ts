import { cpus, totalmem } from 'node:os';
import { envInfo } from '../../../envs/registry.ts';
import type { AlgorithmDefinition } from '../../algorithms/algorithm.ts';
import { algorithms } from '../../algorithms/catalog.ts';
import { type BackendInUse, useBackend } from '../../backend/register.ts';
import { UsageError } from '../../errors.ts';
import { collectHeader } from '../../runs/header.ts';
import type { NewRunConfig } from '../../runs/runConfig.ts';
import type { Input, Option } from '../command.ts';
import { readConfigFile, withConfigFile } from '../configFile.ts';
import {
  backends,
  findAlgorithm,
  hyperparameterOptions,
  precisionOf,
  precisionSource,
  presetsOf,
  resolveHyperparameters,
  trainingOptions,
} from '../flags.ts';
import { dependencyVersion, packageVersion } from '../packageRoot.ts';
import { modelOption, type OwnModel, readModelFor } from './ownModel.ts';
import { connectTo, describeRemote, type Simulators, simulatorOptions, simulatorsOf } from './simulator.ts';

export const onlineOptions: readonly Option[] = [
  { name: 'env', value: 'ID', doc: 'the task: agent env ls lists them' },
  { name: 'steps', value: 'N', default: '1000000', doc: 'environment steps' },
  { name: 'num-envs', value: 'N', default: '1', doc: 'worlds stepped side by side' },
  ...simulatorOptions,
  { name: 'physics', value: 'current|legacy', doc: 'legacy: masses and contact margins of MuJoCo up to 2.1' },
  modelOption,
  ...trainingOptions,
];

/** Settings of the loop as `config.json` keeps them. */
export type LoopOptions = {
  readonly numEnvs: number;
  readonly evalEnvs: number;
  readonly evalEvery: number;
  readonly evalEpisodes: number;
  readonly checkpointEvery: number;
  readonly logEvery: number;
  readonly model?: OwnModel;
} & Partial<Simulators>;

/** A call of `agent online`, resolved. */
export interface OnlinePlan {
  readonly definition: AlgorithmDefinition;
  readonly backend: BackendInUse;
  readonly config: NewRunConfig;
  /** Why this preset, for the forecast. */
  readonly presetReason: 'auto' | 'flag';
  /** The hyperparameters of this call under another preset. */
  readonly valuesOf: (preset: string) => NewRunConfig['values'];
  /** The flags that name the environment, for commands shown to the user. */
  readonly envFlags: string;
  readonly directory?: string;
  readonly dashboard?: string;
  readonly control: boolean;
  readonly allowedHosts?: readonly string[];
}

/**
 * Checks the whole call and starts the backend. Throws `UsageError`, and leaves nothing behind. `onSimulatorFault` hears of a
 * simulator that is waited for.
 */
export async function planOnline(call: Input, onSimulatorFault?: (message: string) => void): Promise<OnlinePlan> {
  const path = call.text('config');
  const file = path === undefined ? undefined : readConfigFile(path);
  const algo = call.text('algo') ?? file?.values.algo ?? 'qvpo';
  const definition = findAlgorithm(algorithms, String(algo), 'online');
  const hyperparameters = hyperparameterOptions(definition.hyperparameters);
  const input = file ? withConfigFile(call, file, onlineOptions, hyperparameters) : call;

  const env = input.required('env', 'ID', [
    ['for example', 'agent online --env Hopper-v3'],
    ['all of them', 'agent env ls'],
  ]);
  const simulators = simulatorsOf(input);
  for (const name of ['physics', 'model'])
    if (simulators && input.has(name))
      throw new UsageError(`--${name} with --sim ${simulators.sim}: the model is the simulator’s own`);
  const local = simulators ? undefined : taskOf(input, env);
  const seed = input.count('seed', 0) ?? 0;
  const steps = input.count('steps') ?? 1_000_000;
  const loop = loopOptions(input, steps);
  const wantedPreset = input.choice('preset', presetsOf(definition.hyperparameters)) ?? 'auto';
  const wantedBackend = input.choice('backend', backends) ?? 'auto';
  const wantedPrecision = precisionOf(input);
  const threads = input.count('threads');
  const resolveWith = (preset: string) =>
    resolveHyperparameters(definition.hyperparameters, {
      ...{ input, file, preset },
      task: (local?.id ?? env).replace(/\+legacy$/, ''),
    });
  resolveWith('fast'); // mistakes are reported before a backend starts

  const { task, environment, model } = simulators
    ? await remoteWorld(simulators, env, onSimulatorFault)
    : await localWorld(local!, input.text('model'));
  const options: LoopOptions = { ...loop, ...simulators, ...(model && { model }) };
  const backend = await useBackend(wantedBackend, { threads, precision: wantedPrecision });
  const preset = wantedPreset === 'auto' ? (backend.gpu ? 'paper' : 'fast') : wantedPreset;
  const { values, sources } = resolveWith(preset);
  const resolved = { kind: 'online' as const, algo: definition.name, task, seed, preset, steps };
  return {
    definition,
    backend,
    presetReason: wantedPreset === 'auto' ? 'auto' : 'flag',
    valuesOf: name => resolveWith(name).values,
    envFlags: model ? `--env ${model.task} --model ${input.text('model')}` : `--env ${task}`,
    directory: input.text('run'),
    dashboard: input.text('dashboard'),
    control: input.has('control'),
    allowedHosts: input.text('allow-host')?.split(','),
    config: {
      ...resolved,
      command: ['online', ...input.argv],
      backend: backend.name,
      precision: backend.precision,
      values,
      sources: { ...sources, precision: precisionSource(call, file, backend) },
      options,
      environment,
      versions: versions(),
      machine: machine(),
      header: collectHeader({
        config: { ...resolved, values, options },
        seed,
        threads: backend.threads,
        backend: backend.name,
        bf16By: backend.bf16By,
      }),
    },
  };
}

/** The task as the run's name and configuration state it. */
interface World {
  readonly task: string;
  readonly environment: Record<string, unknown>;
  readonly model?: OwnModel;
}

/** A task of ours, with a user's model if one is given. Throws `UsageError` where the model does not fit. */
async function localWorld(task: ReturnType<typeof envInfo>, modelFile: string | undefined): Promise<World> {
  if (modelFile === undefined) return { task: task.id, environment: describeEnvironment(task) };
  const own = await readModelFor(task, modelFile);
  const environment = { ...describeEnvironment(own.task), model: own.model.file };
  return { task: own.task.id, environment, model: own.model };
}

/** What the simulators say of the task; throws `AgentError` where they do not answer, or have another. */
async function remoteWorld(simulators: Simulators, task: string, onFault?: (message: string) => void): Promise<World> {
  const env = await connectTo(simulators, simulators.sim.split(',').length, task, onFault);
  await env.close();
  return { task, environment: { ...describeRemote(env.spec), simulator: simulators.sim } };
}

/** The task, with the physics asked for. Throws `UsageError` for an unknown one. */
function taskOf(input: Input, env: string): ReturnType<typeof envInfo> {
  const legacy = input.choice('physics', ['current', 'legacy']) === 'legacy';
  return envInfo(legacy && !env.toLowerCase().endsWith('+legacy') ? `${env}+legacy` : env);
}

function loopOptions(input: Input, steps: number): LoopOptions {
  const numEnvs = input.count('num-envs') ?? 1;
  if (numEnvs > 1024) throw new UsageError(`--num-envs is ${numEnvs}, a number ≤ 1024 is wanted`);
  const evalEpisodes = input.count('eval-episodes') ?? 10;
  return {
    numEnvs,
    evalEnvs: Math.min(evalEpisodes, 10),
    evalEvery: input.count('eval-every') ?? 10_000,
    evalEpisodes,
    checkpointEvery: input.count('checkpoint-every') ?? 10_000,
    logEvery: Math.min(1000, Math.max(1, Math.floor(steps / 100))),
  };
}

/** What the task's version stands for. */
export function describeEnvironment(task: ReturnType<typeof envInfo>): Record<string, unknown> {
  const { id, layout, rewardText, endText, versionText, maxEpisodeSteps, frameSkip, timestep } = task;
  return {
    id,
    observation: layout.map(({ size, name }) => `${name} [${size}]`),
    reward: rewardText,
    ends: endText,
    versions: versionText,
    maxEpisodeSteps,
    stepSeconds: frameSkip * timestep,
  };
}

export function versions(): Record<string, string> {
  return {
    agent: packageVersion(),
    node: process.versions.node,
    mujoco: dependencyVersion('@mujoco/mujoco'),
    tfjs: dependencyVersion('@tensorflow/tfjs'),
  };
}

export function machine(): Record<string, string | number> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
  };
}
