import { RunStore } from '../../runs/runStore.ts';
import type { Command, Io } from '../command.ts';
import { forecastLines } from '../terminal/forecast.ts';
import { Screen } from '../terminal/screen.ts';
import { onlineForecast } from './onlineForecast.ts';
import { type OnlinePlan, onlineOptions, planOnline } from './onlinePlan.ts';
import { simulatorTeller } from './simulator.ts';
import { trainRun } from './trainRun.ts';

export const command: Command = {
  name: 'online',
  args: '',
  options: onlineOptions,
  moreOptions: async given => {
    const { hyperparametersOf } = await import('./hyperparametersOf.ts');
    return hyperparametersOf('online', given);
  },
  examples: [
    'agent online --env Humanoid-v3',
    'agent online --env InvertedPendulum-v4 --steps 5000 --warmup-steps 500 --eval-every 500',
    'agent online --algo qvpo --help                its hyperparameters',
  ],
  run: async (input, io) => {
    const output = { json: input.has('json'), quiet: input.has('quiet') };
    return train(await planOnline(input, simulatorTeller(io, output)), io, output);
  },
};

async function train(plan: OnlinePlan, io: Io, output: { json: boolean; quiet: boolean }): Promise<number> {
  const store = RunStore.create({ directory: plan.directory, config: plan.config });
  try {
    const forecast = output.quiet
      ? undefined
      : await onlineForecast(plan, store.directory, simulatorTeller(io, output));
    if (forecast) new Screen(io.stderr, io.env).print([[], ...forecastLines(forecast), []]);
    const chosen = forecast?.presets.find(preset => preset.chosen);
    const secondsPerStep = chosen && chosen.seconds / plan.config.steps;
    const viewer = { address: plan.dashboard, control: plan.control, allowedHosts: plan.allowedHosts };
    return await trainRun(store, { io, ...output, resume: false, viewer, secondsPerStep });
  } catch (error) {
    await store.close({ failed: true });
    throw error;
  } finally {
    await store.close();
  }
}
