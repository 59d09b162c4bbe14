import { Rng } from '../random/rng.ts';
import type { VectorEnv, VectorStep } from './env.ts';

/** Makes N worlds of the environment under test, in whatever place it runs. */
export type MakeVectorEnv = (numEnvs: number) => Promise<VectorEnv>;

export interface Finding {
  /** What is promised. */
  readonly promise: string;
  readonly verdict: 'kept' | 'broken' | 'not offered';
  /** Where broken: what was seen instead. */
  readonly detail?: string;
}

/** Steps compared in each of the checks of determinism. */
const STEPS = 40;
const SEED = 7;

type Check = readonly [promise: string, run: (make: MakeVectorEnv) => Promise<void>];

/** What every environment must do, one promise after the other: the page below is the list. */
const checks: readonly Check[] = [
  ['spaces are declared', checkSpaces],
  ['reset and step give finite numbers of the declared sizes', checkNumbers],
  ['the same seed gives the same trajectory', checkSameSeed],
  ['another seed gives another start', checkOtherSeed],
  ['a world does not depend on how many there are', checkIndependence],
  ['results are copies', checkCopies],
  ['actions beyond ±1 are clamped', checkClamping],
  ['wrong sizes, NaN and bad seeds are refused', checkRefusals],
  ['stepping before reset and after close is refused', checkOrder],
  ['episodes end at the time limit and start anew', checkEpisodes],
  ['a saved world goes on bit for bit', checkSaving],
];

/**
 * Runs all checks; a promise an environment does not make (saving, say) is `not offered`. The one that meets an error for which
 * `ends` says true is the last: of a simulator that answers no more.
 */
export async function checkEnv(make: MakeVectorEnv, ends = (_: Error) => false): Promise<Finding[]> {
  await withEnv(make, 1, async () => {}); // what cannot be made at all is an error, not a finding
  const findings: Finding[] = [];
  for (const [promise, run] of checks) {
    try {
      await run(make);
      findings.push({ promise, verdict: 'kept' });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const verdict = error instanceof NotOffered ? 'not offered' : 'broken';
      findings.push({ promise, verdict, detail: error.message });
      if (ends(error)) break;
    }
  }
  return findings;
}

/** Thrown by an environment for what it cannot do by its nature. */
export class NotOffered extends Error {}

class Broken extends Error {}

function demand(condition: boolean, detail: () => string): void {
  if (!condition) throw new Broken(detail());
}

/** Runs `use` with N worlds and closes them. */
async function withEnv<T>(make: MakeVectorEnv, numEnvs: number, use: (env: VectorEnv) => Promise<T>): Promise<T> {
  const env = await make(numEnvs);
  try {
    return await use(env);
  } finally {
    await env.close();
  }
}

/** Actions [N × actDim] of step t, drawn for the check alone. */
function actionsOf({ numEnvs, spec }: VectorEnv, t: number, scale = 1): Float32Array {
  const actDim = spec.actionSpace.low.length;
  const actions = new Float32Array(numEnvs * actDim);
  const root = new Rng(SEED).split(`step ${t}`);
  for (let world = 0; world < numEnvs; world++) {
    const rng = root.split(`world ${world}`);
    for (let i = 0; i < actDim; i++) actions[world * actDim + i] = scale * rng.uniform(-1, 1);
  }
  return actions;
}

/** Everything seen in `steps` steps after a reset, as one list of numbers. */
async function trajectory(env: VectorEnv, steps: number, seed = SEED): Promise<number[]> {
  const seen = Array.from(await env.reset(seed));
  for (let t = 0; t < steps; t++) seen.push(...numbersOf(await env.step(actionsOf(env, t))));
  return seen;
}

function numbersOf(step: VectorStep): number[] {
  const { nextObservations, observations, rewards, terminated, truncated } = step;
  return [...nextObservations, ...observations, ...rewards, ...terminated, ...truncated];
}

function demandEqual(a: ArrayLike<number>, b: ArrayLike<number>, what: string): void {
  demand(a.length === b.length, () => `${what}: ${a.length} numbers against ${b.length}`);
  for (let i = 0; i < a.length; i++)
    if (!Object.is(a[i], b[i])) throw new Broken(`${what}: number ${i} is ${a[i]} and then ${b[i]}`);
}

async function demandRefusal(what: string, call: () => Promise<unknown>): Promise<void> {
  const refused = await call().then(
    () => false,
    () => true,
  );
  demand(refused, () => `${what} was accepted`);
}

async function checkSpaces(make: MakeVectorEnv): Promise<void> {
  await withEnv(make, 1, async ({ spec, numEnvs }) => {
    demand(numEnvs === 1, () => `1 world was asked for, there are ${numEnvs}`);
    for (const space of [spec.observationSpace, spec.actionSpace]) {
      demand(space.low.length > 0 && space.low.length === space.high.length, () => 'a space has no entries');
      demand(
        space.low.every((low, i) => low <= space.high[i]!),
        () => 'a lower bound is above its upper bound',
      );
    }
    demand(spec.maxEpisodeSteps >= 1, () => `the time limit is ${spec.maxEpisodeSteps} steps`);
  });
}

async function checkNumbers(make: MakeVectorEnv): Promise<void> {
  await withEnv(make, 2, async env => {
    const { low, high } = env.spec.observationSpace;
    const check = (observations: Float32Array, when: string) => {
      demand(observations.length === 2 * low.length, () => `${when}: ${observations.length} numbers for 2 worlds`);
      for (let i = 0; i < observations.length; i++) {
        const x = observations[i]!;
        const k = i % low.length;
        if (!(Number.isFinite(x) && x >= Math.fround(low[k]!) && x <= Math.fround(high[k]!)))
          throw new Broken(`${when}: observation[${k}] is ${x}`);
      }
    };
    check(await env.reset(SEED), 'reset');
    for (let t = 0; t < STEPS; t++) {
      const step = await env.step(actionsOf(env, t));
      check(step.nextObservations, `step ${t}`);
      check(step.observations, `step ${t}`);
      demand(step.rewards.length === 2 && step.rewards.every(Number.isFinite), () => `rewards are ${step.rewards}`);
      demand(step.terminated.length === 2 && step.truncated.length === 2, () => 'end flags have a wrong size');
    }
  });
}

async function checkSameSeed(make: MakeVectorEnv): Promise<void> {
  await withEnv(make, 2, async env => {
    const first = await trajectory(env, STEPS);
    demandEqual(first, await trajectory(env, STEPS), 'reset again');
    demandEqual(first, await withEnv(make, 2, other => trajectory(other, STEPS)), 'made again');
  });
}

async function checkOtherSeed(make: MakeVectorEnv): Promise<void> {
  await withEnv(make, 2, async env => {
    const a = await env.reset(1);
    const b = await env.reset(2);
    const obsDim = a.length / 2;
    demand(
      a.some((x, i) => x !== b[i]),
      () => 'seeds 1 and 2 start alike',
    );
    demand(
      a.subarray(0, obsDim).some((x, i) => x !== a[obsDim + i]),
      () => 'two worlds of one seed start alike',
    );
  });
}

async function checkIndependence(make: MakeVectorEnv): Promise<void> {
  const alone = await withEnv(make, 1, env => worldZero(env));
  const among = await withEnv(make, 3, env => worldZero(env));
  demandEqual(alone, among, 'world 0 alone and among three');
}

async function worldZero(env: VectorEnv): Promise<number[]> {
  const obsDim = env.spec.observationSpace.low.length;
  const seen = Array.from((await env.reset(SEED)).subarray(0, obsDim));
  for (let t = 0; t < STEPS; t++) {
    const step = await env.step(actionsOf(env, t));
    seen.push(...step.nextObservations.subarray(0, obsDim), ...step.observations.subarray(0, obsDim), step.rewards[0]!);
  }
  return seen;
}

async function checkCopies(make: MakeVectorEnv): Promise<void> {
  await withEnv(make, 2, async env => {
    const kept = await env.reset(SEED);
    const copy = Array.from(kept);
    const expected = numbersOf(await env.step(actionsOf(env, 0)));
    demandEqual(kept, copy, 'an observation kept over a step');
    (await env.reset(SEED)).fill(1e6);
    const step = await env.step(actionsOf(env, 0));
    demandEqual(numbersOf(step), expected, 'a step after its observations were overwritten');
    const second = numbersOf(await env.step(actionsOf(env, 1)));
    await env.reset(SEED);
    const first = await env.step(actionsOf(env, 0));
    first.nextObservations.fill(1e6);
    first.observations.fill(1e6);
    demandEqual(numbersOf(await env.step(actionsOf(env, 1))), second, 'a step after results were overwritten');
  });
}

async function checkClamping(make: MakeVectorEnv): Promise<void> {
  await withEnv(make, 1, async env => {
    await env.reset(SEED);
    const wild = actionsOf(env, 0, 50);
    const beyond = numbersOf(await env.step(wild));
    await env.reset(SEED);
    const clamped = numbersOf(await env.step(wild.map(a => Math.min(1, Math.max(-1, a)))));
    demandEqual(beyond, clamped, 'an action beyond the bounds and the clamped one');
  });
}

async function checkRefusals(make: MakeVectorEnv): Promise<void> {
  await withEnv(make, 1, async env => {
    await env.reset(SEED);
    const size = env.spec.actionSpace.low.length;
    await demandRefusal('an action with a number too many', () => env.step(new Float32Array(size + 1)));
    await demandRefusal('an action with NaN', () => env.step(new Float32Array(size).fill(Number.NaN)));
    await demandRefusal('seed −1', () => env.reset(-1));
    await demandRefusal('seed 0.5', () => env.reset(0.5));
    await env.step(new Float32Array(size)); // the environment survived all this
  });
}

async function checkOrder(make: MakeVectorEnv): Promise<void> {
  const env = await make(1);
  const action = new Float32Array(env.spec.actionSpace.low.length);
  try {
    await demandRefusal('a step before the first reset', () => env.step(action));
    await env.reset(SEED);
  } finally {
    await env.close();
  }
  await demandRefusal('a step after close', () => env.step(action));
  await demandRefusal('a reset after close', () => env.reset(SEED));
  await env.close(); // closing twice is no mistake
}

/** A time limit that comes later, or never, is not waited for. */
const LONGEST = 5000;

async function checkEpisodes(make: MakeVectorEnv): Promise<void> {
  await withEnv(make, 1, async env => {
    await env.reset(SEED);
    const limit = env.spec.maxEpisodeSteps;
    let length = 0;
    let episodeReturn = 0;
    for (let t = 0; t < Math.min(limit + 1, LONGEST); t++) {
      const step = await env.step(actionsOf(env, t, 0.1));
      length++;
      episodeReturn += step.rewards[0]!;
      const over = step.terminated[0] === 1 || step.truncated[0] === 1;
      demand(length < limit || step.truncated[0] === 1, () => `step ${length} of ${limit} is not truncated`);
      demand(over || length < limit, () => `an episode goes on after ${limit} steps`);
      demand(step.episodes.length === (over ? 1 : 0), () => `${step.episodes.length} episodes are reported as ended`);
      if (!over) {
        demandEqual(step.observations, step.nextObservations, 'within an episode, where to act and the successor');
        continue;
      }
      const [episode] = step.episodes;
      demandEqual([episode!.episodeLength, episode!.episodeReturn], [length, episodeReturn], 'length and return');
      length = 0;
      episodeReturn = 0;
    }
  });
}

async function checkSaving(make: MakeVectorEnv): Promise<void> {
  await withEnv(make, 2, async env => {
    await env.reset(SEED);
    const run = async (from: number) => {
      const seen: number[] = [];
      for (let t = from; t < from + STEPS; t++) seen.push(...numbersOf(await env.step(actionsOf(env, t))));
      return seen;
    };
    await run(0);
    const saved = structuredClone(await env.save());
    const onward = await run(STEPS);
    await env.restore(saved);
    demandEqual(onward, await run(STEPS), 'restored in place');
    const elsewhere = await withEnv(make, 2, async other => {
      await other.restore(saved);
      const seen: number[] = [];
      for (let t = STEPS; t < 2 * STEPS; t++) seen.push(...numbersOf(await other.step(actionsOf(other, t))));
      return seen;
    });
    demandEqual(onward, elsewhere, 'restored elsewhere');
  });
}
