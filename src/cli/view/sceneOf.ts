import { envInfo, makeMujocoEnv } from '../../../envs/registry.ts';
import type { Published, Scene } from '../../dashboard/protocol.ts';
import { exportScene } from '../../dashboard/scene.ts';
import { scoresIn } from '../eval/published.ts';
import type { OwnModel } from '../train/ownModel.ts';

/** What a run's task looks like, from its compiled model or the run's own. Throws `UsageError` for an unknown task. */
export async function sceneOf(task: string, config: Readonly<Record<string, unknown>> = {}): Promise<Scene> {
  const own = (config.options as { readonly model?: OwnModel } | undefined)?.model;
  const info = envInfo(own?.task ?? task);
  const env = await makeMujocoEnv(info.id, { modelXml: own?.xml });
  try {
    const actions = info.actions.map(({ name }) => name);
    env.reset(0); // draws what belongs to an episode, the goal among it
    const goal = env.task.goal && { pos: [...env.task.goal], radius: 0.5 };
    return exportScene(env.simulation.model as never, {
      task: info.id,
      actions,
      stepSeconds: info.frameSkip * info.timestep,
      maxEpisodeSteps: info.maxEpisodeSteps,
      goal,
      xml: own?.xml,
    });
  } finally {
    env.close();
  }
}

/** Published scores of a task, highest first. */
export function published(task: string): Published[] {
  let text: string | undefined;
  try {
    text = envInfo(task).published;
  } catch {
    return []; // a task this build does not know
  }
  const protocol = text?.split(/ {3,}/).at(-1) ?? '';
  return scoresIn(text ?? '')
    .map(([name, value]) => ({ name: `${name}, published best`, value, source: 'arXiv:2405.16173', protocol }))
    .sort((a, b) => b.value - a.value);
}
