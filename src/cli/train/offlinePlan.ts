import { join } from 'node:path';
import { envIds, envInfo } from '../../../envs/registry.ts';
import type { Algorithm, AlgorithmDefinition } from '../../algorithms/algorithm.ts';
import { algorithms } from '../../algorithms/catalog.ts';
import { type BackendInUse, useBackend } from '../../backend/register.ts';
import type { AnyTable } from '../../config/hyperparameters.ts';
import { UsageError } from '../../errors.ts';
import { collectHeader } from '../../runs/header.ts';
import { type NewRunConfig, runName } from '../../runs/runConfig.ts';
import type { Input, Io, Option } from '../command.ts';
import { type ConfigFile, readConfigFile, withConfigFile } from '../configFile.ts';
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
import type { WatchOptions } from '../view/watching.ts';
import { type OfflineData, openOffline } from './offlineData.ts';
import { buildOfflineAlgorithm } from './offlineParts.ts';
import { describeEnvironment, machine, versions } from './onlinePlan.ts';

export const offlineOptions: readonly Option[] = [
  { name: 'dataset', value: 'ID|FILE|RUN', doc: 'what to learn from: agent dataset ls lists them; RUN: its replay' },
  { name: 'env', value: 'ID', doc: 'the task to evaluate on, where the dataset does not name it' },
  { name: 'steps', value: 'N', doc: 'gradient updates of the last stage' },
  { name: 'behavior-from', value: 'RUN', doc: 'take over the behaviour model of another run instead of training it' },
  { name: 'critic-from', value: 'RUN', doc: 'take over the critic of another run' },
  ...trainingOptions,
];

/** Settings of the loop as `config.json` keeps them. */
export type OfflineOptions = {
  readonly dataset: string;
  readonly sha256: string | null;
  readonly transitions: number;
  readonly obsDim: number;
  readonly actDim: number;
  /** Task of the evaluations; null: none. */
  readonly env: string | null;
  readonly takenFrom: Readonly<Record<string, string>>;
  readonly evalEnvs: number;
  readonly evalEvery: number;
  readonly evalEpisodes: number;
  readonly checkpointEvery: number;
  readonly logEvery: number;
};

/** A call of `agent offline`, resolved. */
export interface OfflinePlan {
  readonly definition: AlgorithmDefinition;
  readonly algorithm: Algorithm;
  readonly data: OfflineData;
  readonly backend: BackendInUse;
  readonly config: NewRunConfig;
  readonly presetReason: 'auto' | 'flag';
  readonly directory: string;
  readonly viewer: WatchOptions;
}

/** Checks the whole call, reads the dataset and starts the backend. Throws `UsageError`, and leaves nothing behind. */
export async function planOffline(call: Input, io: Io): Promise<OfflinePlan> {
  const path = call.text('config');
  const file = path === undefined ? undefined : readConfigFile(path);
  const algo = call.text('algo') ?? file?.values.algo ?? 'srpo';
  const definition = findAlgorithm(algorithms, String(algo), 'offline');
  const table = definition.hyperparameters;
  const input = file ? withConfigFile(call, file, offlineOptions, hyperparameterOptions(table)) : call;
  const dataset = input.required('dataset', 'ID|FILE|RUN', [
    ['for example', 'agent offline --dataset hopper-medium'],
    ['all of them', 'agent dataset ls'],
  ]);
  const wantedPreset = input.choice('preset', presetsOf(definition.hyperparameters)) ?? 'auto';
  const wantedPrecision = precisionOf(input);
  const wantedBackend = input.choice('backend', backends) ?? 'auto';
  const seed = input.count('seed', 0) ?? 0;
  const quiet = input.has('quiet');
  const say = (text: string) => quiet || io.stderr.write(`${text}\n`);
  const takenFrom = taken(input, say);
  resolveFor(table, input, file, dataset, 'fast'); // mistakes are reported before anything is read

  const evaluatedOn = input.text('env');
  const data = await openOffline(dataset, io.env, {
    maxEpisodeSteps: evaluatedOn === undefined ? undefined : envInfo(evaluatedOn).maxEpisodeSteps,
    say,
    fetch: async name => (await import('../dataset/datasetGet.ts')).getOne(name, io, quiet),
  });
  const env = evaluationTask(input, data);
  const backend = await useBackend(wantedBackend, { threads: input.count('threads'), precision: wantedPrecision });
  const preset = wantedPreset === 'auto' ? (backend.gpu ? 'paper' : 'fast') : wantedPreset;
  const { values, sources } = resolveFor(table, input, file, data.like, preset);
  const task = env ?? data.name;
  const algorithm = buildOfflineAlgorithm({ algo: definition.name, seed, values }, data);
  const steps = plannedSteps(algorithm, definition.name, takenFrom);
  const options = loopOptions(input, data, env, takenFrom, steps);
  const resolved = { kind: 'offline' as const, algo: definition.name, task, seed, preset, steps };
  const config: NewRunConfig = {
    ...resolved,
    command: ['offline', ...input.argv],
    backend: backend.name,
    precision: backend.precision,
    values,
    sources: { ...sources, precision: precisionSource(call, file, backend) },
    options,
    environment: env === undefined ? {} : describeEnvironment(envInfo(env)),
    versions: versions(),
    machine: machine(),
    header: collectHeader({
      config: { ...resolved, values, options },
      seed,
      threads: backend.threads,
      backend: backend.name,
      bf16By: backend.bf16By,
    }),
  };
  const directory = input.text('run') ?? join('runs', runName(definition.name, data.name, new Date()));
  const presetReason = wantedPreset === 'auto' ? 'auto' : 'flag';
  return { definition, algorithm, data, backend, config, presetReason, directory, viewer: viewerOf(input) };
}

/** Values for a collection: those published for it, or for its latest version, unless a flag says otherwise. */
function resolveFor(table: AnyTable, input: Input, file: ConfigFile | undefined, dataset: string, preset: string) {
  const lower = dataset.toLowerCase();
  const known = Object.keys(table.tasks);
  const stem = (name: string) => name.replace(/-v\d+$/, '');
  const task = known.find(name => name === lower) ?? known.find(name => stem(name) === stem(lower)) ?? dataset;
  const last = ['policySteps', 'trainSteps'].find(key => key in table.params);
  const steps = input.text('steps');
  const given = steps === undefined || !last ? input.given : { ...input.given, [dashed(last)]: steps };
  return resolveHyperparameters(table, { input: { given } as Input, file, task, preset });
}

function viewerOf(input: Input): WatchOptions {
  const allowedHosts = input.text('allow-host')?.split(',');
  return { address: input.text('dashboard'), control: input.has('control'), allowedHosts };
}

function dashed(key: string): string {
  return key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}

/** Runs that stages are taken from, after saying which flags that makes idle. */
function taken(input: Input, say: (text: string) => void): Record<string, string> {
  const stages = ['behavior', 'critic'].flatMap(name => {
    const run = input.text(`${name}-from`);
    if (run === undefined) return [];
    const steps = input.text(`${name}-steps`);
    if (Number(steps ?? 0) !== 0)
      say(`--${name}-steps ${steps} has no effect: the stage is taken from ${run} as it is`);
    return [[name, run] as const];
  });
  return Object.fromEntries(stages);
}

/** The task named by the call or by the dataset; undefined where nobody names one that is known here. */
function evaluationTask(input: Input, data: OfflineData): string | undefined {
  const asked = input.text('env');
  const known = envIds().some(id => id.toLowerCase() === data.task?.toLowerCase());
  if (asked === undefined && !known) return undefined;
  const info = envInfo(asked ?? data.task!);
  const obsDim = info.layout.reduce((sum, { size }) => sum + size, 0);
  const actDim = info.actionLow.length;
  if (obsDim !== data.obsDim || actDim !== data.actDim)
    throw new UsageError(
      `${info.id} has ${obsDim} observation and ${actDim} action numbers, ${data.name} ${data.obsDim} and ${data.actDim}`,
    );
  return info.id;
}

function plannedSteps(algorithm: Algorithm, algo: string, takenFrom: Readonly<Record<string, string>>): number {
  for (const name of Object.keys(takenFrom)) {
    if (!algorithm.stages.some(stage => stage.name === name && stage.variables))
      throw new UsageError(`--${name}-from: ${algo} has no ${name} stage`, [
        ['its stages', algorithm.stages.map(stage => stage.name).join('  ')],
      ]);
  }
  const steps = algorithm.stages
    .filter(stage => !(stage.name in takenFrom))
    .reduce((sum, stage) => sum + (stage.steps ?? 0), 0);
  if (steps === 0) throw new UsageError('every stage has 0 updates: there is nothing to train');
  return steps;
}

function loopOptions(
  input: Input,
  data: OfflineData,
  env: string | undefined,
  takenFrom: Readonly<Record<string, string>>,
  steps: number,
): OfflineOptions {
  const evalEpisodes = input.count('eval-episodes') ?? 10;
  return {
    dataset: data.name,
    sha256: data.sha256 ?? null,
    transitions: data.size,
    obsDim: data.obsDim,
    actDim: data.actDim,
    env: env ?? null,
    takenFrom,
    evalEnvs: Math.min(evalEpisodes, 10),
    evalEvery: input.count('eval-every') ?? 10_000,
    evalEpisodes,
    checkpointEvery: input.count('checkpoint-every') ?? 10_000,
    logEvery: Math.min(1000, Math.max(1, Math.floor(steps / 100))),
  };
}
