import { token } from '../colors.ts';
import type { Candidates } from '../policy/sampling.ts';
import type { Stage } from '../stage/stage.ts';
import { coloring } from './draw.ts';
import type { Place, PolicyModel } from './model.ts';
import { limbOf } from './plane.ts';

const SECONDS = 0.3;
const MOST = 8;

/** On the stage: where a foot or hand goes under each of the best candidates, held for a while in this page's own physics. */
export async function lookAhead(
  model: PolicyModel,
  stage: Stage,
  { qpos, before }: Place,
  candidates: Candidates,
  wanted: () => boolean,
): Promise<void> {
  const { q, chosen, actDim } = candidates;
  const others = Array.from({ length: candidates.candidates }, (_, i) => i).filter(i => i !== chosen);
  const best = [chosen, ...others.sort((a, b) => (q[b] ?? 0) - (q[a] ?? 0)).slice(0, MOST - 1)];
  const actions = new Float32Array(best.length * actDim);
  best.forEach((i, k) => {
    actions.set(candidates.actions.subarray(i * actDim, (i + 1) * actDim), k * actDim);
  });
  const body = limbOf(stage.scene);
  const ahead = await model.client.ask<'ahead'>({ type: 'ahead', qpos, before, actions, body, seconds: SECONDS });
  if (!wanted()) return;
  const colors = coloring(candidates);
  stage.paths.show(ahead.paths, ahead.steps, [token('accent'), ...best.slice(1).map(i => colors.of(i))]);
}
