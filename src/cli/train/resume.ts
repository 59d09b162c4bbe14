import { useBackend } from '../../backend/register.ts';
import { UsageError } from '../../errors.ts';
import { collectHeader } from '../../runs/header.ts';
import { type RunConfig, readConfig } from '../../runs/runConfig.ts';
import { RunStore } from '../../runs/runStore.ts';
import type { Command } from '../command.ts';
import { trainOfflineRun } from './offlineRun.ts';
import { replanned } from './replan.ts';
import { isFinished } from './runFiles.ts';
import { trainRun } from './trainRun.ts';

export const command: Command = {
  name: 'resume',
  args: 'RUN',
  maxArgs: 1,
  options: [
    { name: 'steps', value: 'N', doc: 'end at another step than planned, sooner or later; offline, of the last stage' },
    { name: 'accept-changes', doc: 'go on although versions or machine differ: the numbers may change' },
    { name: 'threads', value: 'N', doc: 'worker threads (default: as before); another number needs --accept-changes' },
    { name: 'dashboard', value: '[HOST:]PORT|off', doc: 'address of the viewer (default 127.0.0.1:7878)' },
    { name: 'control', doc: 'let the viewer steer: pause, evaluate, change a learning rate' },
  ],
  examples: [
    'agent resume runs/qvpo-humanoid-v3-1120-k7q2',
    'agent resume runs/qvpo-humanoid-v3-1120-k7q2 --steps 2000000',
  ],
  run: async (input, io) => {
    const directory = input.only('RUN', [['for example', 'agent resume runs/qvpo-humanoid-v3-1120-k7q2']]);
    const config = readConfig(directory);
    const wanted = input.count('steps');
    if (isFinished(directory) && wanted === undefined) throw finished(directory, config);
    const threads = input.count('threads') ?? config.header.threads;
    const { precision = 'float32' } = config;
    const backend = await useBackend(config.backend, {
      threads,
      precision: input.has('accept-changes') && precision === 'bf16' ? 'auto' : precision,
    });
    const planned = wanted === undefined ? config : await replanned(directory, config, wanted);
    const moved = planned.steps !== config.steps;
    if (isFinished(directory) && !moved) throw finished(directory, config);
    const headerOf = ({ kind, algo, task, seed, preset, steps, values, options }: RunConfig) =>
      collectHeader({
        config: { kind, algo, task, seed, preset, steps, values, options },
        seed,
        threads: backend.threads,
        backend: backend.name,
        bf16By: backend.bf16By,
      });
    const store = await RunStore.open(directory, {
      header: headerOf(config),
      replan: moved ? { ...planned, header: headerOf(planned) } : undefined,
      acceptChanges: input.has('accept-changes'),
      waiting: ({ pid, host }) =>
        io.stderr.write(
          `the run was last held by process ${pid} on ${host}: waiting up to a minute for a sign of it\n`,
        ),
    });
    try {
      const train = config.kind === 'offline' ? trainOfflineRun : trainRun;
      return await train(store, {
        io,
        json: input.has('json'),
        quiet: input.has('quiet'),
        resume: true,
        viewer: { address: input.text('dashboard'), control: input.has('control') },
      });
    } finally {
      await store.close();
    }
  },
};

function finished(directory: string, { steps }: RunConfig): UsageError {
  return new UsageError(`${directory} is finished: ${steps.toLocaleString('en-US')} steps`, [
    ['evaluate it', `agent eval ${directory}`],
    ['watch it', `agent view ${directory}`],
    ['train on', `agent resume ${directory} --steps N`],
  ]);
}
