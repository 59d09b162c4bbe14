import { Rng } from '../../random/rng.ts';
import type { AppState } from './appState.ts';
import type { PolicyModel } from './diffusion/model.ts';
import { integer } from './format.ts';
import type { Recording } from './player.ts';

/**
 * An episode of another checkpoint's policy from the start of the one shown, run in this page. An evaluation's start is
 * found again exactly, by its seed; of other episodes the first pose is known, and its velocity from the second.
 */
export async function ghostOf(app: AppState, model: PolicyModel, shown: Recording, step: number): Promise<Recording> {
  const actor = await model.prepareOther(step);
  const seed = evaluationSeed(app.run()?.seed ?? 0, shown.step);
  const steps = shown.length;
  const first = shown.qpos.subarray(0, shown.nq);
  if (shown.kind === 'evaluation') {
    const same = await model.client.ask<'rollout'>({ type: 'rollout', seed, steps, actor });
    if (first.every((x, i) => x === same.qpos[i])) return recordingOf(same, step, shown);
  }
  const [before, qpos] = [first.slice(), shown.qpos.slice(shown.nq, 2 * shown.nq)];
  return recordingOf(
    await model.client.ask<'rollout'>({ type: 'rollout', seed, qpos, before, steps, actor }),
    step,
    shown,
  );
}

/** As the training loop seeds the evaluation of a step. */
export function evaluationSeed(seed: number, step: number): number {
  return new Rng(seed).split(`evaluation ${step}`).uint32();
}

function recordingOf(
  { qpos, rewards }: { qpos: Float64Array; rewards: Float64Array },
  step: number,
  { nq }: Recording,
): Recording {
  return {
    name: `checkpoint ${integer(step)}`,
    step,
    kind: 'ghost',
    episodeReturn: rewards.reduce((sum, reward) => sum + reward, 0),
    length: rewards.length,
    nq,
    qpos,
    actions: new Float32Array(0),
    rewards: Float32Array.from(rewards),
  };
}
