import type { EnvState, EpisodeSummary, VectorStep } from '../src/env/env.ts';
import { AgentError } from '../src/errors.ts';
import { Rng } from '../src/random/rng.ts';

/** What determines a world's episode: its seed and the actions so far, in the environment's own bounds. */
interface Episode {
  seed: number;
  rng: Rng;
  /** Of the episode that comes after it: what `rng` gives next. */
  nextSeed: number;
  actions: Float32Array[];
  return: number;
}

/**
 * The client's book of its worlds. World i draws the seeds of its episodes, whole numbers below 2³¹, from the stream
 * `world i` of the run's seed, one each; so an episode does not depend on where, or among how many, it is played.
 */
export class Episodes {
  readonly #obsDim: number;
  readonly #actDim: number;
  #all: Episode[] = [];
  /** Where each world stands [N × obsDim]. */
  #observations: Float32Array = new Float32Array(0);

  constructor(obsDim: number, actDim: number) {
    this.#obsDim = obsDim;
    this.#actDim = actDim;
  }

  get started(): boolean {
    return this.#all.length > 0;
  }

  /** `count` first episodes; the first world is number `first` of the run. */
  start(seed: number, count: number, first: number): void {
    const root = new Rng(seed);
    this.#all = Array.from({ length: count }, (_, i) => {
      const rng = root.split(`world ${first + i}`);
      const seed = drawSeed(rng);
      return { seed, rng, nextSeed: peekSeed(rng), actions: [], return: 0 };
    });
    this.#observations = new Float32Array(count * this.#obsDim);
  }

  get seeds(): number[] {
    return this.#all.map(({ seed }) => seed);
  }

  /** Seeds of the episodes that would come next. */
  get nextSeeds(): number[] {
    return this.#all.map(({ nextSeed }) => nextSeed);
  }

  get lengths(): Int32Array {
    return Int32Array.from(this.#all, ({ actions }) => actions.length);
  }

  /** The actions of all worlds' episodes, one after the other [Σ lengths × actDim]. */
  get history(): Float32Array {
    return joined(this.#all.flatMap(({ actions }) => actions));
  }

  /** Where each world stands [N × obsDim]. */
  get observations(): Float32Array {
    return this.#observations.slice();
  }

  /** Books a step: histories grow, finished episodes are summed up and begin anew with the next seed. */
  advance(own: Float32Array, step: Pick<VectorStep, 'rewards' | 'terminated' | 'truncated'>): EpisodeSummary[] {
    const finished: EpisodeSummary[] = [];
    this.#all.forEach((episode, env) => {
      episode.actions.push(own.slice(env * this.#actDim, (env + 1) * this.#actDim));
      episode.return += step.rewards[env]!;
      if (!step.terminated[env] && !step.truncated[env]) return;
      const { return: episodeReturn, actions } = episode;
      finished.push({ env, episodeReturn, episodeLength: actions.length, terminated: step.terminated[env] === 1 });
      episode.seed = drawSeed(episode.rng);
      episode.nextSeed = peekSeed(episode.rng);
      episode.actions = [];
      episode.return = 0;
    });
    return finished;
  }

  keep(observations: Float32Array): void {
    this.#observations.set(observations);
  }

  save(): EnvState[] {
    return this.#all.map(({ seed, rng, actions, return: sum }, world) => ({
      physics: Float64Array.from(joined([this.#observation(world), ...actions])),
      scalars: { seed, return: sum, steps: actions.length },
      rng: rng.state,
    }));
  }

  #observation(world: number): Float32Array {
    return this.#observations.subarray(world * this.#obsDim, (world + 1) * this.#obsDim);
  }

  load(states: readonly EnvState[]): void {
    this.#all = states.map(({ physics, scalars, rng }) => {
      const { seed, steps, return: sum } = scalars;
      const history = Float32Array.from(physics.subarray(this.#obsDim));
      if (seed === undefined || sum === undefined || history.length !== steps! * this.#actDim)
        throw new AgentError('the saved worlds are not those of a simulator elsewhere');
      const stream = new Rng(rng);
      return {
        seed,
        rng: stream,
        nextSeed: peekSeed(stream),
        actions: Array.from({ length: steps! }, (_, t) => history.slice(t * this.#actDim, (t + 1) * this.#actDim)),
        return: sum,
      };
    });
    this.#observations = joined(states.map(({ physics }) => Float32Array.from(physics.subarray(0, this.#obsDim))));
  }

  /** Compares where the worlds stand with where they stood; throws `AgentError` for the first that differs. */
  compare(observations: Float32Array, address: string): void {
    const off = this.#observations.findIndex((x, i) => x !== observations[i]);
    if (off < 0) return;
    const [world, number] = [Math.floor(off / this.#obsDim), off % this.#obsDim];
    throw new AgentError(
      `world ${world} of ${address} cannot be rebuilt: the same seed and actions lead elsewhere (observation[${number}] is ${observations[off]}, it was ${this.#observations[off]})`,
      [['an environment', 'must draw all its randomness from the seed of reset']],
    );
  }
}

function drawSeed(rng: Rng): number {
  return rng.integer(2 ** 31);
}

function peekSeed(rng: Rng): number {
  return drawSeed(new Rng(rng.state));
}

export function joined(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    all.set(row, at);
    at += row.length;
  }
  return all;
}
