import type { Algorithm } from '../algorithms/algorithm.ts';
import { type Remedy, UsageError } from '../errors.ts';
import { readCheckpoint } from '../runs/readRun.ts';
import { readConfig } from '../runs/runConfig.ts';
import type { StoredTensors } from '../runs/safetensors.ts';
import type { SavedLoop } from './offline.ts';

/**
 * The variables of a stage that another run has finished: `--behavior-from RUN`. Throws `UsageError` if that run is of
 * another algorithm, has not finished the stage, or its networks have other sizes.
 */
export async function takeStage(
  algorithm: Algorithm,
  algo: string,
  name: string,
  directory: string,
): Promise<StoredTensors> {
  const config = readConfig(directory);
  const refuse = (why: string, remedies: Remedy[] = []) =>
    new UsageError(`the ${name} stage cannot be taken from ${directory}: ${why}`, remedies);
  if (config.algo !== algo) throw refuse(`it is a run of ${config.algo}, not of ${algo}`);
  const { tensors, state } = await readCheckpoint(directory, 'last');
  if (!(state as unknown as SavedLoop).complete?.includes(name))
    throw refuse('it has not finished that stage', [
      ['finish it', `agent resume ${directory}`],
      ['or end it there, if it is the last', `agent resume ${directory} --steps N`],
    ]);
  const variables = algorithm.stages.find(stage => stage.name === name)?.variables ?? {};
  for (const [path, variable] of Object.entries(variables)) {
    const tensor = tensors.get(path);
    if (tensor?.shape.join() !== variable.shape.join())
      throw refuse(`${path} is [${tensor?.shape.join(', ') ?? ''}] there, [${variable.shape.join(', ')}] here`);
  }
  return tensors;
}
