import { join } from 'node:path';
import { UsageError } from '../../errors.ts';
import { listCheckpoints } from '../../runs/checkpoint.ts';
import type { RunConfig } from '../../runs/runConfig.ts';
import { tf } from '../../tensor/tf.ts';
import { buildOfflineAlgorithm } from './offlineParts.ts';
import type { OfflineOptions } from './offlinePlan.ts';

/**
 * The configuration of a run that is to end at another step: `wanted` environment steps, or offline, as for `--steps` of
 * `agent offline`, gradient updates of the last stage. A backend must have been started. Throws a `UsageError` if the run is past that already.
 */
export async function replanned(directory: string, config: RunConfig, wanted: number): Promise<RunConfig> {
  const reached = (await listCheckpoints(join(directory, 'checkpoints'))).at(-1) ?? 0;
  const key = lastStage(config);
  const before = key === undefined ? 0 : config.steps - (config.values[key] as number);
  if (wanted < reached - before)
    throw new UsageError(
      `--steps ${wanted}: ${directory} has ${reached - before} ${key ? 'updates of its last stage' : 'steps'} behind it`,
    );
  const values = key === undefined ? config.values : { ...config.values, [key]: wanted };
  return { ...config, values, steps: before + wanted };
}

/** The hyperparameter that says how many updates the last stage of an offline run has. */
function lastStage(config: RunConfig): string | undefined {
  if (config.kind !== 'offline') return undefined;
  const options = config.options as OfflineOptions;
  const { stages, variables } = buildOfflineAlgorithm(config, options);
  tf.dispose(Object.values(variables));
  const last = stages.findLast(({ name, steps = 0 }) => steps > 0 && !(name in options.takenFrom));
  return `${last!.name}Steps`;
}
