import { randomBytes } from 'node:crypto';
import type { EnvState, VectorEnv, VectorStep } from '../src/env/env.ts';
import { AgentError } from '../src/errors.ts';
import { Connection, type ConnectionOptions, RemoteError } from './connection.ts';
import { Episodes } from './episodes.ts';
import { greet, makeWorlds } from './handshake.ts';
import { NoAnswer } from './noAnswer.ts';
import { Form, type Message, ProtocolError } from './protocol.ts';
import { floats, type RemoteSpec, type ResetOptions, readStates, stateArrays, typed } from './reply.ts';

export interface RemoteOptions extends ConnectionOptions {
  /** The environment that the server must have; absent: whatever it serves. */
  readonly env?: string;
  /** Given to every reset of the environments, those after an end and of a rebuilt episode too. */
  readonly resetOptions?: ResetOptions;
  /** Number of the first of these worlds among all of the run; default 0. */
  readonly firstWorld?: number;
  /** Other servers of the same environment, where the worlds go while this one is away. */
  readonly others?: readonly string[];
}

/** How long a server that went away is left alone between two calls on it, in ms. */
const LOOK_AGAIN = 2000;
const GOODBYE_MS = 2000; // the answer to `close` is awaited for so long

/**
 * N worlds of a server (PROTOCOL.md). An episode is known by its seed and actions, so a server that was restarted gets its
 * worlds rebuilt, and another server can take them over: no transition is lost, doubled or altered.
 */
export class RemoteVectorEnv implements VectorEnv {
  readonly spec: RemoteSpec;
  readonly numEnvs: number;
  readonly #options: RemoteOptions;
  readonly #home: string;
  readonly #episodes: Episodes;
  readonly #obsDim: number;
  readonly #actDim: number;
  #connection: Connection;
  #session: string;
  /** Of the session's steps. */
  #stepForm: Form | undefined;
  #k = 0;
  /** While away: looks whether the server at home is back. */
  #looking: Promise<Connection | undefined> | undefined;
  #lookedAt = 0;
  #back: Connection | undefined;
  /** How often worlds had to be rebuilt. */
  rebuilds = 0;

  private constructor(
    connection: Connection,
    made: { session: string; numEnvs: number; spec: RemoteSpec },
    options: RemoteOptions,
  ) {
    this.#connection = connection;
    this.#home = connection.address;
    this.#options = options;
    this.#session = made.session;
    this.numEnvs = made.numEnvs;
    this.spec = made.spec;
    this.#obsDim = made.spec.observationSpace.low.length;
    this.#actDim = made.spec.actionSpace.low.length;
    this.#episodes = new Episodes(this.#obsDim, this.#actDim);
  }

  /** Connects and makes the worlds. Throws `AgentError` when nobody answers or the other side speaks another version. */
  static async connect(address: string, numEnvs: number, options: RemoteOptions = {}): Promise<RemoteVectorEnv> {
    const connection = new Connection(address, options);
    try {
      await greet(connection);
      const session = randomBytes(16).toString('hex');
      const spec = await makeWorlds(connection, session, numEnvs, options);
      return new RemoteVectorEnv(connection, { session, numEnvs, spec }, options);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async reset(seed: number): Promise<Float32Array> {
    this.#episodes.start(seed, this.numEnvs, this.#options.firstWorld ?? 0);
    const reply = await this.#ordered('reset', { seeds: this.#seeds(this.#episodes.seeds) });
    const observations = floats(reply, 'observations', this.numEnvs * this.#obsDim);
    this.#episodes.keep(observations);
    return observations;
  }

  async step(actions: Float32Array): Promise<VectorStep> {
    if (!this.#episodes.started) throw new AgentError(`step before the first reset of ${this.spec.id}`);
    const own = this.#toBounds(actions);
    if (this.#connection.address !== this.#home) await this.#goHome();
    const reply = await this.#ordered('step', {
      actions: { shape: [this.numEnvs, this.#actDim], data: own },
      seeds: { shape: [this.numEnvs], data: this.#episodes.nextSeeds },
    });
    const size = this.numEnvs * this.#obsDim;
    const nextObservations = floats(reply, 'next_observations', size);
    const result = {
      nextObservations,
      observations: 'observations' in reply.arrays ? floats(reply, 'observations', size) : nextObservations.slice(),
      rewards: typed(reply, 'rewards', Float64Array, this.numEnvs),
      terminated: typed(reply, 'terminated', Uint8Array, this.numEnvs),
      truncated: typed(reply, 'truncated', Uint8Array, this.numEnvs),
    };
    const episodes = this.#episodes.advance(own, result);
    this.#episodes.keep(result.observations);
    return { ...result, episodes };
  }

  /** Where the environment can save its state, the episodes are rebuilt from there from now on, else from their beginning. */
  async save(): Promise<readonly EnvState[]> {
    if (this.spec.restorable && this.#episodes.started) this.#episodes.keepStates(await this.#states());
    return this.#episodes.save();
  }

  async restore(states: readonly EnvState[]): Promise<Float32Array> {
    if (states.length !== this.numEnvs)
      throw new AgentError(`${states.length} saved worlds, there are ${this.numEnvs}`);
    this.#episodes.load(states);
    await this.#rebuild();
    return this.#episodes.observations;
  }

  /** A picture of one world, [height × width × 3], 0–255. Throws `RemoteError` where the environment draws none. */
  async render(
    world: number,
  ): Promise<{ readonly height: number; readonly width: number; readonly pixels: Uint8Array }> {
    const reply = await this.#connection.request('render', { session: this.#session, world });
    const { shape, data } = reply.arrays.image ?? {};
    if (!(data instanceof Uint8Array) || shape?.length !== 3 || shape[2] !== 3)
      throw new ProtocolError(`${this.#connection.address} sent a picture of shape ${shape}`);
    return { height: shape[0]!, width: shape[1]!, pixels: data };
  }

  async close(): Promise<void> {
    const goodbye = setTimeout(() => this.#connection.close(), GOODBYE_MS); // the server may hang
    try {
      await this.#connection.request('close', { session: this.#session });
    } catch (error) {
      if (!(error instanceof AgentError)) throw error; // a server that is gone needs no goodbye
    } finally {
      clearTimeout(goodbye);
      this.#connection.close();
      (await this.#looking)?.close();
      this.#back?.close();
    }
  }

  /** Actions in [-1, 1] to the environment's own bounds; unbounded dimensions pass as they are. */
  #toBounds(actions: Float32Array): Float32Array {
    if (actions.length !== this.numEnvs * this.#actDim)
      throw new AgentError(`${actions.length} numbers as actions, ${this.numEnvs} × ${this.#actDim} are wanted`);
    const { low, high } = this.spec.actionSpace;
    const own = new Float32Array(actions.length);
    for (let i = 0, j = 0; i < actions.length; i++, j = j + 1 === this.#actDim ? 0 : j + 1) {
      const u = actions[i]!;
      if (Number.isNaN(u)) throw new AgentError(`action[${j}] of world ${Math.floor(i / this.#actDim)} is NaN`);
      const span = high[j]! - low[j]!;
      own[i] = Number.isFinite(span) ? low[j]! + ((Math.min(1, Math.max(-1, u)) + 1) / 2) * span : u;
    }
    return own;
  }

  /** A request that changes the worlds. A server that has forgotten them, or another one, gets them first. */
  async #ordered(type: string, arrays: Message['arrays']): Promise<Message> {
    for (;;) {
      try {
        const reply = await this.#ask(type, arrays);
        this.#k++;
        return reply;
      } catch (error) {
        if (error instanceof RemoteError && error.code === 'environment') this.#k++; // heard, and answered
        if (error instanceof NoAnswer && type !== 'rebuild') await this.#moveAway(error);
        else if (!(error instanceof RemoteError) || error.code !== 'session') throw error;
        if (type === 'rebuild') throw error; // its caller begins again
        await (type === 'reset' ? this.#makeAgain() : this.#rebuild());
        if (type === 'step' && error instanceof RemoteError)
          this.#options.onFault?.(`${this.#connection.address} has rebuilt its worlds, nothing is lost`);
      }
    }
  }

  async #states(): Promise<Uint8Array[]> {
    for (;;)
      try {
        return readStates(await this.#connection.request('state', { session: this.#session }), this.numEnvs);
      } catch (error) {
        if (error instanceof NoAnswer) await this.#moveAway(error);
        else if (!(error instanceof RemoteError) || error.code !== 'session') throw error;
        await this.#rebuild();
      }
  }

  #ask(type: string, arrays: Message['arrays']): Promise<Message> {
    if (type !== 'step') {
      const { resetOptions: options } = this.#options;
      return this.#connection.request(
        type,
        { session: this.#session, k: this.#k, ...(options && { options }) },
        arrays,
      );
    }
    this.#stepForm ??= new Form(type, { session: this.#session }, arrays);
    return this.#connection.ordered(this.#stepForm, this.#k, [arrays.actions!.data, arrays.seeds!.data]);
  }

  /** Another server takes the worlds; where there is none, or none answers, `reason` is thrown. */
  async #moveAway(reason: NoAnswer): Promise<void> {
    const others = [this.#home, ...(this.#options.others ?? [])].filter(one => one !== this.#connection.address);
    for (const address of others) {
      const connection = new Connection(address, this.#options);
      try {
        await greet(connection);
      } catch (error) {
        connection.close();
        if (error instanceof NoAnswer) continue;
        throw error;
      }
      this.#options.onFault?.(`${this.#connection.address} is away, its worlds go to ${address}`);
      this.#connection.close();
      this.#connection = connection;
      this.#lookedAt = performance.now();
      return;
    }
    throw reason;
  }

  /** Back to the server of these worlds, once it answers again. */
  async #goHome(): Promise<void> {
    if (!this.#back) {
      if (!this.#looking && performance.now() - this.#lookedAt > LOOK_AGAIN) this.#looking = this.#look();
      return;
    }
    this.#options.onFault?.(`${this.#home} is back`);
    const away = this.#connection;
    const left = away.request('close', { session: this.#session }).catch(() => undefined); // its sessions end with it
    void left.then(() => away.close());
    this.#connection = this.#back;
    this.#back = undefined;
    await this.#rebuild();
  }

  async #look(): Promise<Connection | undefined> {
    const connection = new Connection(this.#home, {
      ...this.#options,
      absentMs: 1000,
      giveUpMs: 1000,
      onFault: undefined,
    });
    try {
      await greet(connection);
      connection.close();
      this.#back = new Connection(this.#home, this.#options);
    } catch (error) {
      connection.close();
      if (!(error instanceof AgentError)) throw error;
    } finally {
      this.#lookedAt = performance.now();
      this.#looking = undefined;
    }
    return this.#back;
  }

  async #makeAgain(): Promise<void> {
    this.#session = randomBytes(16).toString('hex');
    this.#stepForm = undefined;
    this.#k = 0;
    await makeWorlds(this.#connection, this.#session, this.numEnvs, this.#options);
  }

  /** Makes the worlds anew and brings each to where its episode stood; throws if it does not arrive there. */
  async #rebuild(): Promise<void> {
    this.rebuilds++;
    for (;;) {
      try {
        await this.#makeAgain();
        const history = this.#episodes.history;
        const reply = await this.#ordered('rebuild', {
          seeds: this.#seeds(this.#episodes.seeds),
          lengths: { shape: [this.numEnvs], data: this.#episodes.lengths },
          actions: { shape: [history.length / this.#actDim, this.#actDim], data: history },
          ...(this.spec.restorable && stateArrays(this.#episodes.states)),
        });
        const observations = floats(reply, 'observations', this.numEnvs * this.#obsDim);
        return this.#episodes.compare(observations, this.#connection.address);
      } catch (error) {
        if (error instanceof NoAnswer) await this.#moveAway(error);
        else if (!(error instanceof RemoteError) || error.code !== 'session') throw error;
      }
    }
  }

  #seeds(seeds: readonly number[]) {
    return { shape: [this.numEnvs], data: BigInt64Array.from(seeds, BigInt) };
  }
}
