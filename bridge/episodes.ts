import type { EnvState, EpisodeSummary, VectorStep } from '../src/env/env.ts';
import { AgentError } from '../src/errors.ts';
import { Rng } from '../src/random/rng.ts';

/** What determines a world's episode: its seed and the actions so far, in the environment's own bounds. */
interface Episode {
  seed: number;
  rng: Rng;
  /** Of the episode that comes after it: what `rng` gives next. */
  nextSeed: number;
  /** One after the other; there is room for more. */
  actions: Float32Array;
  length: number;
  return: number;
  /** A state that the environment saved, and after how many steps; the actions before it are not kept. */
  state: Uint8Array;
  stateAt: number;
}

const NO_STATE = new Uint8Array(0);

/** Steps that an episode first has room for. */
const ROOM = 64;

/**
 * The client's book of its worlds. World i draws the seeds of its episodes, whole numbers below 2³¹, from the stream
 * `world i` of the run's seed, one each; so an episode does not depend on where, or among how many, it is played.
 */
export class Episodes {
  readonly #obsDim: number;
  readonly #actDim: number;
  #all: Episode[] = [];
  /** As they are sent, until one of them is used. */
  #nextSeeds: BigInt64Array | undefined;
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
    this.#nextSeeds = undefined;
    this.#all = Array.from({ length: count }, (_, i) => {
      const rng = root.split(`world ${first + i}`);
      const seed = drawSeed(rng);
      const episode = { seed, rng, nextSeed: peekSeed(rng), actions: this.#room(ROOM) };
      return { ...episode, length: 0, return: 0, state: NO_STATE, stateAt: 0 };
    });
    this.#observations = new Float32Array(count * this.#obsDim);
  }

  get seeds(): number[] {
    return this.#all.map(({ seed }) => seed);
  }

  /** Seeds of the episodes that would come next. */
  get nextSeeds(): BigInt64Array {
    this.#nextSeeds ??= BigInt64Array.from(this.#all, ({ nextSeed }) => BigInt(nextSeed));
    return this.#nextSeeds;
  }

  get lengths(): Int32Array {
    return Int32Array.from(this.#all, ({ length, stateAt }) => length - stateAt);
  }

  /** The saved state of each world's episode; empty where there is none. */
  get states(): Uint8Array[] {
    return this.#all.map(({ state }) => state);
  }

  /** The environment has saved where the worlds stand. */
  keepStates(states: readonly Uint8Array[]): void {
    this.#all.forEach((episode, i) => {
      episode.state = states[i]!;
      episode.stateAt = episode.length;
    });
  }

  /** The actions of all worlds' episodes since their states, one after the other [Σ lengths × actDim]. */
  get history(): Float32Array {
    return joined(this.#all.map(episode => this.#played(episode)));
  }

  /** Where each world stands [N × obsDim]. */
  get observations(): Float32Array {
    return this.#observations.slice();
  }

  /** Books a step: histories grow, finished episodes are summed up and begin anew with the next seed. */
  advance(own: Float32Array, step: Pick<VectorStep, 'rewards' | 'terminated' | 'truncated'>): EpisodeSummary[] {
    const finished: EpisodeSummary[] = [];
    const size = this.#actDim;
    this.#all.forEach((episode, env) => {
      const kept = episode.length++ - episode.stateAt;
      if (episode.actions.length === kept * size) {
        const more = this.#room(Math.max(ROOM, 2 * kept));
        more.set(episode.actions);
        episode.actions = more;
      }
      const to = size * kept - size * env;
      for (let i = size * env; i < size * (env + 1); i++) episode.actions[to + i] = own[i]!;
      episode.return += step.rewards[env]!;
      if (!step.terminated[env] && !step.truncated[env]) return;
      const { return: episodeReturn, length: episodeLength } = episode;
      finished.push({ env, episodeReturn, episodeLength, terminated: step.terminated[env] === 1 });
      this.#nextSeeds = undefined;
      episode.seed = drawSeed(episode.rng);
      episode.nextSeed = peekSeed(episode.rng);
      episode.length = 0;
      episode.return = 0;
      episode.state = NO_STATE;
      episode.stateAt = 0;
    });
    return finished;
  }

  #room(steps: number): Float32Array {
    return new Float32Array(steps * this.#actDim);
  }

  /** The actions of an episode since its state [steps × actDim]. */
  #played({ actions, length, stateAt }: Episode): Float32Array {
    return actions.subarray(0, (length - stateAt) * this.#actDim);
  }

  keep(observations: Float32Array): void {
    this.#observations.set(observations);
  }

  save(): EnvState[] {
    return this.#all.map((episode, world) => ({
      physics: Float64Array.from([...this.#observation(world), ...this.#played(episode), ...episode.state]),
      scalars: {
        seed: episode.seed,
        return: episode.return,
        steps: episode.length,
        stateAt: episode.stateAt,
        stateBytes: episode.state.length,
      },
      rng: episode.rng.state,
    }));
  }

  #observation(world: number): Float32Array {
    return this.#observations.subarray(world * this.#obsDim, (world + 1) * this.#obsDim);
  }

  load(states: readonly EnvState[]): void {
    this.#nextSeeds = undefined;
    this.#all = states.map(({ physics, scalars, rng }) => {
      const { seed, steps, stateAt = 0, stateBytes = 0, return: sum } = scalars;
      const end = this.#obsDim + (steps! - stateAt) * this.#actDim;
      if (seed === undefined || sum === undefined || stateAt > steps! || physics.length !== end + stateBytes)
        throw new AgentError('the saved worlds are not those of a simulator elsewhere');
      const history = Float32Array.from(physics.subarray(this.#obsDim, end));
      const stream = new Rng(rng);
      return {
        seed,
        rng: stream,
        nextSeed: peekSeed(stream),
        actions: history.length > 0 ? history : this.#room(ROOM),
        length: steps!,
        return: sum,
        state: Uint8Array.from(physics.subarray(end)),
        stateAt,
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
