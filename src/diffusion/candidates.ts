import type { TwinQ } from '../networks/twinQ.ts';
import type { Noise } from '../tensor/noise.ts';
import { bestRows } from '../tensor/ops/judge.ts';
import { type Tensor1D, type Tensor2D, tf } from '../tensor/tf.ts';

/** The candidates of each observation, judged: `actions` [K·B, A] (row k·B + b) and `q` = min(Q₁, Q₂) as [B, K]. */
export interface Judged {
  readonly actions: Tensor2D;
  readonly q: Tensor2D;
}

/** min(Q₁, Q₂) of K candidates per observation, no gradient. */
export function judge(critic: TwinQ, s: Tensor2D, actions: Tensor2D): Judged {
  return { actions, q: critic.minOfCandidates(s, actions) };
}

/** For each observation the candidate of largest q, the first of equals: actions [B, A] and their q [B]. */
export function best(judged: Judged): { actions: Tensor2D; q: Tensor1D } {
  const { rows, q } = bestRows(judged.q, judged.actions);
  return { actions: rows, q };
}

/** For each observation one candidate, drawn with probability softmax(q): the largest q plus Gumbel noise [B, A]. */
export function drawByValue({ actions, q }: Judged, noise: Noise): Tensor2D {
  const u = tf.maximum(noise.uniform('act/choice', q.shape), 1e-20);
  const gumbel = tf.neg(tf.log(tf.neg(tf.log(u))));
  return best({ actions, q: tf.add(q, gumbel) }).actions;
}

/** The k largest of each observation's candidates, descending: rows b·k + rank of actions [B·k, A] and q [B·k]. */
export function top(k: number, judged: Judged): { actions: Tensor2D; q: Tensor1D } {
  if (k === 1) return best(judged);
  const batch = judged.q.shape[0];
  const { values, indices } = tf.topk(judged.q, k, true);
  const row = indices.mul(tf.scalar(batch, 'int32')).add(tf.range(0, batch, 1, 'int32').expandDims(1));
  return { actions: tf.gather(judged.actions, row.flatten() as Tensor1D), q: values.flatten() };
}

/** Repeats every row k times in place: row b·k + rank is row b. */
export function repeatRows<T extends Tensor1D | Tensor2D>(x: T, k: number): T {
  if (k === 1) return x;
  const row = Int32Array.from({ length: x.shape[0] * k }, (_, i) => Math.floor(i / k));
  return tf.gather(x, tf.tensor1d(row, 'int32')) as T;
}
