import type { ReplayColumns } from './replayBuffer.ts';
import { type Steps, TERMINATED, TRUNCATED } from './steps.ts';

/**
 * The transitions of a replay as the steps of a collection: world after world, each in its own order, so that the row
 * after a step is its successor. A world's last step counts as ended by the clock unless the MDP ended there.
 */
export function stepsOfReplay(
  columns: ReplayColumns,
  obsDim: number,
  actDim: number,
): Steps & { nextObservations: Float32Array } {
  const rows = columns.rewards.length;
  const order = Uint32Array.from({ length: rows }, (_, i) => i);
  order.sort((a, b) => columns.worlds[a]! - columns.worlds[b]! || a - b);
  const gathered = (values: Float32Array, width: number) => {
    const out = new Float32Array(values.length);
    order.forEach((from, to) => {
      out.set(values.subarray(from * width, (from + 1) * width), to * width);
    });
    return out;
  };
  const flags = Uint8Array.from(order, i => columns.flags[i]! & (TERMINATED | TRUNCATED));
  for (let i = 0; i < rows; i++) {
    const lastOfWorld = i === rows - 1 || columns.worlds[order[i]!] !== columns.worlds[order[i + 1]!];
    if (flags[i]! & TERMINATED) flags[i] = TERMINATED;
    else if (lastOfWorld) flags[i] = TRUNCATED;
  }
  return {
    rows,
    obsDim,
    actDim,
    observations: gathered(columns.observations, obsDim),
    actions: gathered(columns.actions, actDim),
    rewards: gathered(columns.rewards, 1),
    nextObservations: gathered(columns.nextObservations, obsDim),
    flags,
  };
}
