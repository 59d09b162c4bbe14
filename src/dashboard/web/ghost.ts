import { Rng } from '../../random/rng.ts';
import type { AppState } from './appState.ts';
import type { PolicyModel } from './diffusion/model.ts';
import { integer } from './format.ts';
import type { Recording } from './recording.ts';

/** `whole`: to its end; else what is there of it. */
export type Ghost = Recording & { readonly whole: boolean };

/** Steps computed at a time: the ghost walks while the rest is still to come, and the page's other questions get their turn. */
const PIECE = 25;

/**
 * An episode of another checkpoint's policy from the start of the one shown, run in this page, as far as it is computed:
 * each piece is a longer recording, the last one whole. An evaluation's start is found again exactly, by its seed; of other
 * episodes the first pose is known, and its velocity from the second.
 */
export async function* ghostOf(
  app: AppState,
  model: PolicyModel,
  shown: Recording,
  step: number,
): AsyncGenerator<Ghost> {
  const actor = await model.prepareOther(step);
  const seed = evaluationSeed(app.run()?.seed ?? 0, shown.step);
  const { nq, length } = shown;
  const ask = { type: 'rollout', seed, actor } as const;
  const roll = (start: { qpos?: Float64Array; before?: Float64Array; on?: boolean }, done: number) =>
    model.client.ask<'rollout'>({ ...ask, ...start, steps: Math.min(PIECE, length - done) });
  let piece = await roll({}, 0);
  const first = shown.qpos.subarray(0, nq);
  if (shown.kind !== 'evaluation' || first.some((x, i) => x !== piece.qpos[i]))
    piece = await roll({ before: first.slice(), qpos: shown.qpos.slice(nq, 2 * nq) }, 0);
  const qpos = new Float64Array((length + 1) * nq);
  const rewards = new Float32Array(length);
  qpos.set(piece.qpos.subarray(0, nq));
  for (let done = 0; ; piece = await roll({ on: true }, done)) {
    qpos.set(piece.qpos.subarray(nq), (done + 1) * nq);
    rewards.set(piece.rewards, done);
    done += piece.rewards.length;
    const whole = piece.over || done >= length;
    yield recordingOf(qpos.subarray(0, (done + 1) * nq), rewards.subarray(0, done), whole, step, nq);
    if (whole) return;
  }
}

/** As the training loop seeds the evaluation of a step. */
export function evaluationSeed(seed: number, step: number): number {
  return new Rng(seed).split(`evaluation ${step}`).uint32();
}

function recordingOf(qpos: Float64Array, rewards: Float32Array, whole: boolean, step: number, nq: number): Ghost {
  return {
    name: `checkpoint ${integer(step)}`,
    step,
    kind: 'ghost',
    episodeReturn: rewards.reduce((sum, reward) => sum + reward, 0),
    length: rewards.length,
    nq,
    qpos,
    actions: new Float32Array(0),
    rewards,
    whole,
  };
}
