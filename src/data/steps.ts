import { UsageError } from '../errors.ts';

/** Flags of a step. The MDP ended here. */
export const TERMINATED = 1;
/** The clock ended the episode here. */
export const TRUNCATED = 2;
/** No step at all: the row holds the observation an episode ended in, and nothing was done there. */
export const FINAL = 4;

/**
 * The steps of a collection in the order they were taken, as float32 columns. The successor of row i is the observation
 * of row i + 1; where the row after an episode's last is marked `FINAL`, that is true of the last step too.
 */
export interface Steps {
  readonly rows: number;
  readonly obsDim: number;
  readonly actDim: number;
  readonly observations: Float32Array; // [rows, obsDim]
  readonly actions: Float32Array; // [rows, actDim]
  readonly rewards: Float32Array; // [rows]
  readonly flags: Uint8Array; // [rows]
}

/** One episode: rows `start` to `start + length − 1`. */
export interface Episode {
  readonly start: number;
  readonly length: number;
  /** Undiscounted sum of rewards. */
  readonly episodeReturn: number;
  readonly terminated: boolean;
}

/**
 * Rows that make transitions (s, a, r, s', terminated), as D4RL's q-learning view counts them: every step but the last
 * row and those ended by the clock, whose successor is not in the file. A terminal step stays; what follows it in the
 * file is the next episode's start, and is never bootstrapped from. With `endAtTimeouts` clock-ended steps stay too.
 * Where the final observation is known (`FINAL`), nothing needs to be skipped.
 */
export function transitionRows(steps: Steps, endAtTimeouts = false): Uint32Array {
  const { flags, rows } = steps;
  const keeps = (i: number) => {
    const flag = flags[i]!;
    if ((flag & FINAL) !== 0) return false;
    return (flag & TRUNCATED) === 0 || endAtTimeouts || (flags[i + 1]! & FINAL) !== 0;
  };
  let count = 0;
  for (let i = 0; i < rows - 1; i++) if (keeps(i)) count++;
  const kept = new Uint32Array(count);
  for (let i = 0, k = 0; i < rows - 1; i++) if (keeps(i)) kept[k++] = i;
  return kept;
}

/** Episodes as D4RL's sequence view counts them: each ends at a terminal or at the clock; an unfinished tail is dropped. */
export function* episodesOf(steps: Steps): Generator<Episode> {
  let start = 0;
  let episodeReturn = 0;
  for (let i = 0; i < steps.rows; i++) {
    const flag = steps.flags[i]!;
    if ((flag & FINAL) !== 0) {
      start = i + 1;
      episodeReturn = 0;
      continue;
    }
    episodeReturn += steps.rewards[i]!;
    if ((flag & (TERMINATED | TRUNCATED)) === 0) continue;
    yield { start, length: i + 1 - start, episodeReturn, terminated: (flag & TERMINATED) !== 0 };
    start = i + 1;
    episodeReturn = 0;
  }
}

/** Throws `UsageError` naming the first number that is NaN, infinite or beyond float32. */
export function checkFinite(file: string, name: string, values: Float32Array, width: number): void {
  let check = 0;
  for (let i = 0; i < values.length; i++) check += values[i]! * 0; // NaN as soon as one of them is not finite
  if (check === 0) return;
  const at = values.findIndex(value => !Number.isFinite(value));
  const where = width === 1 ? `[${at}]` : `[${Math.floor(at / width)}][${at % width}]`;
  throw new UsageError(`${file}: "${name}"${where} is ${values[at]}, a finite float32 is wanted`);
}
