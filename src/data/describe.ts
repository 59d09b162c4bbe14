import { type Episode, episodesOf, FINAL, type Steps, TERMINATED, TRUNCATED, transitionRows } from './steps.ts';

/** Mean, standard deviation (divisor n) and range of some numbers. */
export interface Summary {
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
}

/** What `agent dataset info` says of a collection. */
export interface Description {
  readonly steps: number;
  /** In the q-learning view: what an algorithm trains on. */
  readonly transitions: number;
  readonly obsDim: number;
  readonly actDim: number;
  readonly terminals: number;
  readonly timeouts: number;
  /** Complete ones; their returns and lengths are undefined where there is none. */
  readonly episodes: number;
  readonly returns?: Summary;
  readonly lengths?: Summary;
  readonly rewards: Summary;
  readonly actions: { readonly min: number; readonly max: number };
}

export function describeSteps(steps: Steps): Description {
  const episodes = [...episodesOf(steps)];
  const taken = Uint32Array.from({ length: steps.rows }, (_, i) => i).filter(i => (steps.flags[i]! & FINAL) === 0);
  const { min, max } = summarize(steps.actions);
  return {
    steps: taken.length,
    transitions: transitionRows(steps).length,
    obsDim: steps.obsDim,
    actDim: steps.actDim,
    terminals: countFlag(steps.flags, TERMINATED),
    timeouts: countFlag(steps.flags, TRUNCATED),
    episodes: episodes.length,
    ...ofEpisodes(episodes),
    rewards: summarize(Float32Array.from(taken, i => steps.rewards[i]!)),
    actions: { min, max },
  };
}

function ofEpisodes(episodes: readonly Episode[]): { returns?: Summary; lengths?: Summary } {
  if (episodes.length === 0) return {};
  return {
    returns: summarize(episodes.map(({ episodeReturn }) => episodeReturn)),
    lengths: summarize(episodes.map(({ length }) => length)),
  };
}

function summarize(values: ArrayLike<number>): Summary {
  let [sum, min, max] = [0, Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return { mean, std: Math.sqrt(squares / values.length), min, max };
}

function countFlag(flags: Uint8Array, flag: number): number {
  let count = 0;
  for (const each of flags) if ((each & flag) !== 0) count++;
  return count;
}
