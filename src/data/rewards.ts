/**
 * Transformations of a dataset's rewards before offline training. All work on transitions in the order of collection.
 */

/**
 * Undiscounted returns (float64) of episodes as SRPO's and QGPO's code finds them: cut at a terminal or after `maxSteps`
 * transitions, the incomplete last one left out. Where the last transition of a time-limited episode was dropped, the
 * cuts drift across episodes; the published settings belong to these numbers.
 */
export function returnsByCount(rewards: Float32Array, terminals: ArrayLike<number>, maxSteps = 1000): Float64Array {
  const returns: number[] = [];
  let sum = 0;
  let steps = 0;
  for (let i = 0; i < rewards.length; i++) {
    sum += rewards[i]!;
    steps++;
    if (terminals[i] === 0 && steps < maxSteps) continue;
    returns.push(sum);
    [sum, steps] = [0, 0];
  }
  return Float64Array.from(returns);
}

/**
 * Returns of episodes as IQL's code finds them: cut at a terminal, where an observation is not the successor of the one
 * before (some entry differs by more than 1e-6), and at the end. `observations` and `nextObservations` are [n, obsDim].
 */
export function returnsByStates(
  rewards: Float32Array,
  terminals: ArrayLike<number>,
  observations: Float32Array,
  nextObservations: Float32Array,
): Float64Array {
  const size = rewards.length;
  const obsDim = observations.length / size;
  const returns: number[] = [];
  let sum = 0;
  for (let i = 0; i < size; i++) {
    sum += rewards[i]!;
    if (i < size - 1 && terminals[i] === 0 && follows(observations, nextObservations, i, obsDim)) continue;
    returns.push(sum);
    sum = 0;
  }
  return Float64Array.from(returns);
}

/** Whether row i + 1 of the observations is row i of the successors, by the Euclidean distance. */
function follows(observations: Float32Array, nextObservations: Float32Array, i: number, obsDim: number): boolean {
  let squares = 0;
  for (let j = 0; j < obsDim; j++) {
    const difference = observations[(i + 1) * obsDim + j]! - nextObservations[i * obsDim + j]!;
    squares += difference * difference;
  }
  return Math.sqrt(squares) <= 1e-6;
}

/** r / (largest − smallest return) · 1000, in float32, divided first. */
export function rangeScaled(rewards: Float32Array, returns: Float64Array): Float32Array {
  let [low, high] = [Infinity, -Infinity];
  for (const value of returns) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return rewards.map(r => Math.fround(r / (high - low)) * 1000);
}

/** r − 1: AntMaze in IQL and SRPO. */
export function minusOne(rewards: Float32Array): Float32Array {
  return rewards.map(r => r - 1);
}

/** 4 (r − ½): AntMaze in CQL, Diffusion-QL and EDP. */
export function antmazeCql(rewards: Float32Array): Float32Array {
  return rewards.map(r => 4 * (r - 0.5));
}
