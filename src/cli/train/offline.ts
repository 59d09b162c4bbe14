import { RunStore } from '../../runs/runStore.ts';
import type { Command, Io } from '../command.ts';
import { offlineForecast } from './offlineForecast.ts';
import { buildOffline } from './offlineParts.ts';
import { type OfflinePlan, offlineOptions, planOffline } from './offlinePlan.ts';
import { trainOfflineRun } from './offlineRun.ts';

export const command: Command = {
  name: 'offline',
  args: '',
  options: offlineOptions,
  moreOptions: async given => {
    const { hyperparametersOf } = await import('./hyperparametersOf.ts');
    return hyperparametersOf('offline', given);
  },
  examples: [
    'agent offline --dataset hopper-medium',
    'agent offline --dataset local/antmaze-umaze --behavior-steps 50000 --critic-steps 100000 --policy-steps 50000',
    'agent offline --dataset runs/qvpo-hopper-v3-1120-k7q2     distils what an online run collected',
    'agent offline --dataset hopper-medium --behavior-from RUN --critic-from RUN --beta 0.1',
    'agent offline --algo srpo --help                          its hyperparameters',
  ],
  run: async (input, io) => {
    const plan = await planOffline(input, io);
    return train(plan, io, { json: input.has('json'), quiet: input.has('quiet') });
  },
};

async function train(plan: OfflinePlan, io: Io, output: { json: boolean; quiet: boolean }): Promise<number> {
  const parts = await buildOffline(plan.config, plan);
  for (const load of parts.taken.values()) await load(); // a run that cannot give its stage is refused before ours begins
  const { lines, secondsPerStep } = await offlineForecast(plan, parts, io);
  if (!output.quiet) for (const line of lines) io.stderr.write(`${line}\n`);
  const store = RunStore.create({ directory: plan.directory, config: plan.config });
  try {
    return await trainOfflineRun(store, { io, ...output, resume: false, parts, secondsPerStep, viewer: plan.viewer });
  } catch (error) {
    await store.close({ failed: true });
    throw error;
  } finally {
    await store.close();
  }
}
