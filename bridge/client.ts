import { randomBytes } from 'node:crypto';
import type { EnvSpec, EnvState, EpisodeSummary, VectorEnv, VectorStep } from '../src/env/env.ts';
import { AgentError } from '../src/errors.ts';
import { Rng } from '../src/random/rng.ts';
import { Connection, type ConnectionOptions, RemoteError } from './connection.ts';
import { type Message, PROTOCOL_VERSION, ProtocolError, type WireArray } from './protocol.ts';

/** What is needed to rebuild a world's episode: its seed and the actions so far, in the environment's own bounds. */
interface Episode {
  seed: number;
  rng: Rng;
  actions: Float32Array[];
  return: number;
  observation: Float32Array;
}

export interface RemoteSpec extends EnvSpec {
  /** How a Dict or Tuple observation was flattened. */
  readonly layout: readonly { readonly name: string; readonly size: number }[];
  readonly actionKind: string;
}

/**
 * N worlds of a server (PROTOCOL.md). Seeds of episodes are drawn here, so an episode is known by its seed and actions:
 * a server that was restarted gets its worlds rebuilt, and no transition is lost, doubled or altered.
 */
export class RemoteVectorEnv implements VectorEnv {
  readonly spec: RemoteSpec;
  readonly numEnvs: number;
  readonly #connection: Connection;
  readonly #obsDim: number;
  readonly #actDim: number;
  #session: string;
  #k = 0;
  #episodes: Episode[] = [];
  /** How often worlds had to be rebuilt. */
  rebuilds = 0;

  private constructor(connection: Connection, session: string, numEnvs: number, spec: RemoteSpec) {
    this.#connection = connection;
    this.#session = session;
    this.numEnvs = numEnvs;
    this.spec = spec;
    this.#obsDim = spec.observationSpace.low.length;
    this.#actDim = spec.actionSpace.low.length;
  }

  /** Connects and makes the worlds. Throws `AgentError` when nobody answers or the other side speaks another version. */
  static async connect(address: string, numEnvs: number, options: ConnectionOptions = {}): Promise<RemoteVectorEnv> {
    const connection = new Connection(address, options);
    try {
      const hello = await connection.request('hello', { protocol: PROTOCOL_VERSION, client: 'agent' });
      if (hello.fields.protocol !== PROTOCOL_VERSION)
        throw new ProtocolError(`${address} speaks protocol ${hello.fields.protocol}, this side ${PROTOCOL_VERSION}`);
      const session = randomBytes(16).toString('hex');
      const made = await connection.request('make', { session, num_envs: numEnvs });
      return new RemoteVectorEnv(connection, session, numEnvs, readSpec(made, address));
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async reset(seed: number): Promise<Float32Array> {
    const root = new Rng(seed);
    this.#episodes = Array.from({ length: this.numEnvs }, (_, i) => {
      const rng = root.split(`world ${i}`);
      return { seed: drawSeed(rng), rng, actions: [], return: 0, observation: new Float32Array(this.#obsDim) };
    });
    const reply = await this.#ordered('reset', {}, { seeds: this.#seeds(this.#episodes.map(e => e.seed)) });
    return this.#keep(floats(reply, 'observations', this.numEnvs * this.#obsDim));
  }

  async step(actions: Float32Array): Promise<VectorStep> {
    if (this.#episodes.length === 0) throw new AgentError(`step before the first reset of ${this.spec.id}`);
    const own = this.#toBounds(actions);
    const next = this.#episodes.map(({ rng }) => drawSeed(new Rng(rng.state)));
    const reply = await this.#ordered(
      'step',
      {},
      { actions: { shape: [this.numEnvs, this.#actDim], data: own }, seeds: this.#seeds(next) },
    );
    const size = this.numEnvs * this.#obsDim;
    const result = {
      nextObservations: floats(reply, 'next_observations', size),
      observations: floats(reply, 'observations', size),
      rewards: typed(reply, 'rewards', Float64Array, this.numEnvs),
      terminated: typed(reply, 'terminated', Uint8Array, this.numEnvs),
      truncated: typed(reply, 'truncated', Uint8Array, this.numEnvs),
    };
    const episodes = this.#advance(own, result);
    this.#keep(result.observations);
    return { ...result, episodes };
  }

  async save(): Promise<readonly EnvState[]> {
    return this.#episodes.map(({ seed, rng, actions, return: sum, observation }) => ({
      physics: Float64Array.from([...observation, ...actions.flatMap(a => Array.from(a))]),
      scalars: { seed, return: sum, steps: actions.length },
      rng: rng.state,
    }));
  }

  async restore(states: readonly EnvState[]): Promise<Float32Array> {
    if (states.length !== this.numEnvs)
      throw new AgentError(`${states.length} saved worlds, there are ${this.numEnvs}`);
    this.#episodes = states.map(({ physics, scalars, rng }) => {
      const history = Float32Array.from(physics.subarray(this.#obsDim));
      const row = (t: number) => history.slice(t * this.#actDim, (t + 1) * this.#actDim);
      return {
        seed: scalars.seed!,
        rng: new Rng(rng),
        actions: Array.from({ length: scalars.steps! }, (_, t) => row(t)),
        return: scalars.return!,
        observation: Float32Array.from(physics.subarray(0, this.#obsDim)),
      };
    });
    await this.#rebuild();
    return joined(this.#episodes.map(episode => episode.observation));
  }

  async close(): Promise<void> {
    try {
      await this.#connection.request('close', { session: this.#session });
    } catch (error) {
      if (!(error instanceof AgentError)) throw error; // a server that is gone needs no goodbye
    } finally {
      this.#connection.close();
    }
  }

  /** Actions in [-1, 1] to the environment's own bounds; unbounded dimensions pass as they are. */
  #toBounds(actions: Float32Array): Float32Array {
    if (actions.length !== this.numEnvs * this.#actDim)
      throw new AgentError(`${actions.length} numbers as actions, ${this.numEnvs} × ${this.#actDim} are wanted`);
    const { low, high } = this.spec.actionSpace;
    return actions.map((u, i) => {
      if (Number.isNaN(u))
        throw new AgentError(`action[${i % this.#actDim}] of world ${Math.floor(i / this.#actDim)} is NaN`);
      const [l, h] = [low[i % this.#actDim]!, high[i % this.#actDim]!];
      const clamped = Math.min(1, Math.max(-1, u));
      return Number.isFinite(h - l) ? l + ((clamped + 1) / 2) * (h - l) : u;
    });
  }

  /** Books the step that was taken: histories grow, finished episodes are summed up and begin anew. */
  #advance(own: Float32Array, step: Pick<VectorStep, 'rewards' | 'terminated' | 'truncated'>): EpisodeSummary[] {
    const finished: EpisodeSummary[] = [];
    this.#episodes.forEach((episode, env) => {
      episode.actions.push(own.slice(env * this.#actDim, (env + 1) * this.#actDim));
      episode.return += step.rewards[env]!;
      if (!step.terminated[env] && !step.truncated[env]) return;
      const { return: episodeReturn, actions } = episode;
      finished.push({ env, episodeReturn, episodeLength: actions.length, terminated: step.terminated[env] === 1 });
      episode.seed = drawSeed(episode.rng); // what the request named
      episode.actions = [];
      episode.return = 0;
    });
    return finished;
  }

  #keep(observations: Float32Array): Float32Array {
    this.#episodes.forEach((episode, i) => {
      episode.observation = observations.slice(i * this.#obsDim, (i + 1) * this.#obsDim);
    });
    return observations;
  }

  /** A request that changes the worlds. A server that has forgotten the session gets it back first. */
  async #ordered(type: string, fields: Message['fields'], arrays: Message['arrays']): Promise<Message> {
    for (;;) {
      try {
        const reply = await this.#connection.request(type, { session: this.#session, k: this.#k, ...fields }, arrays);
        this.#k++;
        return reply;
      } catch (error) {
        if (!(error instanceof RemoteError) || error.code !== 'session') throw error;
        await (type === 'reset' ? this.#makeAgain() : this.#rebuild());
      }
    }
  }

  async #makeAgain(): Promise<void> {
    this.#session = randomBytes(16).toString('hex');
    this.#k = 0;
    await this.#connection.request('make', { session: this.#session, num_envs: this.numEnvs });
  }

  /** Makes the worlds anew and brings each to where its episode stood; throws if it does not arrive there. */
  async #rebuild(): Promise<void> {
    this.rebuilds++;
    await this.#makeAgain();
    const lengths = Int32Array.from(this.#episodes, ({ actions }) => actions.length);
    const history = joined(this.#episodes.flatMap(({ actions }) => actions));
    const reply = await this.#ordered(
      'rebuild',
      {},
      {
        seeds: this.#seeds(this.#episodes.map(({ seed }) => seed)),
        lengths: { shape: [this.numEnvs], data: lengths },
        actions: { shape: [history.length / this.#actDim, this.#actDim], data: history },
      },
    );
    const observations = floats(reply, 'observations', this.numEnvs * this.#obsDim);
    this.#episodes.forEach(({ observation }, world) => {
      const off = observation.findIndex((x, j) => x !== observations[world * this.#obsDim + j]);
      if (off >= 0)
        throw new AgentError(
          `world ${world} of ${this.#connection.address} cannot be rebuilt: the same seed and actions lead elsewhere (observation[${off}] is ${observations[world * this.#obsDim + off]}, it was ${observation[off]})`,
        );
    });
  }

  #seeds(seeds: readonly number[]) {
    return { shape: [this.numEnvs], data: BigInt64Array.from(seeds, BigInt) };
  }
}

function drawSeed(rng: Rng): number {
  return rng.integer(2 ** 31);
}

function readSpec(made: Message, address: string): RemoteSpec {
  const { env, max_episode_steps: maxEpisodeSteps, layout, action_kind: actionKind } = made.fields;
  const bounds = (name: string) => {
    const array = made.arrays[name]?.data;
    if (!(array instanceof Float64Array) || array.length === 0) throw new ProtocolError(`${address} sent no ${name}`);
    return array;
  };
  if (typeof env !== 'string' || typeof maxEpisodeSteps !== 'number' || !Array.isArray(layout))
    throw new ProtocolError(`${address} described its environment in another way than PROTOCOL.md`);
  return {
    id: env,
    observationSpace: { low: bounds('observation_low'), high: bounds('observation_high') },
    actionSpace: { low: bounds('action_low'), high: bounds('action_high') },
    maxEpisodeSteps: maxEpisodeSteps === 0 ? Number.POSITIVE_INFINITY : maxEpisodeSteps,
    layout: layout as RemoteSpec['layout'],
    actionKind: String(actionKind),
  };
}

function typed<T extends WireArray>(reply: Message, name: string, type: new (n: number) => T, size: number): T {
  const data = reply.arrays[name]?.data;
  if (!(data instanceof type) || data.length !== size)
    throw new ProtocolError(
      `the reply to ${reply.type} has ${data?.length ?? 'no'} numbers as ${name}, ${size} are wanted`,
    );
  return data;
}

function floats(reply: Message, name: string, size: number): Float32Array {
  return typed(reply, name, Float32Array, size);
}

function joined(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    all.set(row, at);
    at += row.length;
  }
  return all;
}
