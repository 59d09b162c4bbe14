import { basename } from 'node:path';
import { readOwnModel } from '../../../envs/modelFile.ts';
import type { TaskDefinition } from '../../../envs/mujoco/task.ts';
import { makeMujocoEnv } from '../../../envs/registry.ts';
import { UsageError } from '../../errors.ts';
import type { Option } from '../command.ts';

/** A user's MuJoCo model in place of a task's own, as `config.json` keeps it: the text itself, so a run needs no other file. */
export interface OwnModel {
  /** Id of the task whose rewards and observations it is used with. */
  readonly task: string;
  /** Name of the file it was read from, without folders. */
  readonly file: string;
  readonly xml: string;
}

export const modelOption: Option = {
  name: 'model',
  value: 'FILE',
  doc: 'a MuJoCo model (MJCF) of your own in place of the task’s; same sizes and names',
};

/**
 * Reads a model for a task: compiled in a thread with a time limit first, then made a world of, and reset. Also returns
 * the task as it is with this model. Throws a `UsageError` that names the file.
 */
export async function readModelFor(
  task: TaskDefinition,
  path: string,
): Promise<{ model: OwnModel; task: TaskDefinition }> {
  if (task.legacy)
    throw new UsageError('legacy physics are masses of the task’s own bodies: they do not fit another model', [
      ['without', `--env ${task.id.replace(/\+legacy$/, '')} --model ${path}`],
    ]);
  const xml = await readOwnModel(path);
  const timestep = await timestepOf(task, xml).catch(error => {
    throw error instanceof UsageError ? new UsageError(`${path}: ${error.message}`, error.remedies) : error;
  });
  const model = { task: task.id, file: basename(path), xml };
  return { model, task: { ...task, id: nameWith(model), timestep, published: undefined } };
}

/** Seconds of the model's engine step. Throws where it does not fit the task. */
async function timestepOf({ id }: TaskDefinition, modelXml: string): Promise<number> {
  const env = await makeMujocoEnv(id, { modelXml });
  try {
    env.reset(0);
    return env.simulation.timestep;
  } finally {
    env.close();
  }
}

/** Name of the task with this model, in run, configuration and scores: `Hopper-v3+longer-legs.xml`. */
export function nameWith({ task, file }: OwnModel): string {
  return `${task}+${file}`;
}
