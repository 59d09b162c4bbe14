import { join } from 'node:path';
import { UsageError } from '../../errors.ts';
import { listCheckpoints } from '../../runs/checkpoint.ts';
import type { RunConfig } from '../../runs/runConfig.ts';

/** Hyperparameters that say how many updates a stage has, of the stages in their order. */
const STAGE_STEPS = ['behaviorSteps', 'criticSteps', 'policySteps', 'trainSteps'] as const;

/**
 * The configuration of a run that is to end at another step: `wanted` environment steps, or offline, as for `--steps` of
 * `agent offline`, gradient updates of the last stage. Throws a `UsageError` if the run is past that already.
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

function lastStage({ kind, values, options }: RunConfig): string | undefined {
  if (kind !== 'offline') return undefined;
  const taken = Object.keys((options.takenFrom ?? {}) as Record<string, string>);
  const trained = (key: string) => Number(values[key] ?? 0) > 0 && !taken.includes(key.replace('Steps', ''));
  return STAGE_STEPS.findLast(trained);
}
