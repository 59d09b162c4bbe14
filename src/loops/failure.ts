import { AgentError, type Remedy } from '../errors.ts';
import type { CheckpointContent } from '../runs/checkpoint.ts';
import type { RunStore } from '../runs/runStore.ts';

export interface Failure {
  readonly step: number;
  /** The step in words, where it is not one of the environment. */
  readonly where?: string;
  /** The state it happened in. */
  readonly content: () => Promise<CheckpointContent>;
}

/**
 * What to throw when training has to stop: the error with its step, once the state it happened in lies in the run's
 * `failures/`. The checkpoints stay as they were, and resuming from the last one leads to the same failure again, bit
 * for bit. Errors of the disk, and those that are not `AgentError`, are passed on as they are.
 */
export async function stopTraining(
  store: RunStore,
  error: unknown,
  { step, where = `step ${step.toLocaleString('en-US')}`, content }: Failure,
): Promise<unknown> {
  if (!(error instanceof AgentError) || (error.cause as NodeJS.ErrnoException | undefined)?.code) return error;
  const message = `stopped at ${where}: ${error.message}`;
  const dump = await store.dumpFailure(step, await content(), message);
  const saved = store.savedStep === undefined ? '' : `checkpoint ${store.savedStep.toLocaleString('en-US')}, and `;
  const remedies: Remedy[] = [
    ...error.remedies,
    ['kept', `${saved}a dump in ${dump}`],
    ['look', `agent view ${store.directory}`],
    ['continue', `agent resume ${store.directory}`],
  ];
  return new AgentError(message, remedies, 1, { cause: error });
}
