import { randomBytes } from 'node:crypto';
import { Connection } from '../../../bridge/connection.ts';
import { Form, type NamedArray } from '../../../bridge/protocol.ts';
import { AgentError } from '../../errors.ts';
import type { Input, Io } from '../command.ts';
import { checkSimulators, connectTo, LOOPBACK, readKeys, type Simulators } from '../train/simulator.ts';
import { Echo, idleSimulator, stepMessage, stepReply } from './benchEcho.ts';

interface Rates {
  /** Of one step of one world, the environment's own time included. */
  readonly roundTripMicroseconds: { readonly p50: number; readonly p99: number };
  /** Steps of worlds a second, all worlds in one message: what `agent online` does. */
  readonly stepsPerSecond: number;
  /** The same with a message for each world, all of them in flight at once. */
  readonly inFlight: { readonly stepsPerSecond: number };
}

export interface BridgeRates extends Rates {
  readonly numEnvs: number;
  /** A bare ZeroMQ server in Python that answers messages of the same bytes, measured in turn with the simulator. */
  readonly echo?: Rates;
}

interface Sizes {
  readonly obsDim: number;
  readonly actDim: number;
}

const TURNS = 20;

/**
 * Steps a simulator and, where that is on this machine, an echo, for `seconds`. They take many short turns, so that both
 * have the same machine; what is compiled and connected in the first turn does not count.
 */
export async function benchBridge(
  simulators: Simulators,
  { seconds = 15, numEnvs = 32, echo = undefined as Echo | undefined } = {},
): Promise<BridgeRates> {
  const each = (1000 * seconds) / TURNS / 6;
  const alone = await timeSteps(simulators, 1, each, echo);
  const together = await timeSteps(simulators, numEnvs, each, echo);
  const flight = await timeFlight(simulators, numEnvs, each, { echo, sizes: alone.sizes });
  const rates = (side: 'simulator' | 'echo'): Rates => {
    const microseconds = (part: number) => Math.round(quantile(alone[side], part) * 1e4) / 10;
    return {
      roundTripMicroseconds: { p50: microseconds(0.5), p99: microseconds(0.99) },
      stepsPerSecond: Math.round((1000 * numEnvs) / quantile(together[side], 0.5)),
      inFlight: { stepsPerSecond: Math.round(quantile(flight[side], 0.5)) },
    };
  };
  return { ...rates('simulator'), numEnvs, ...(echo && { echo: rates('echo') }) };
}

function quantile(values: number[], part: number): number {
  values.sort((a, b) => a - b);
  return values[Math.floor(part * (values.length - 1))]!;
}

/** What the turns of both sides gave. */
class Turns {
  simulator: number[] = [];
  echo: number[] = [];

  static async take(
    simulator: () => Promise<readonly number[]>,
    echo: (() => Promise<readonly number[]>) | undefined,
  ): Promise<Turns> {
    const all = new Turns();
    for (let turn = -1; turn < TURNS; turn++) {
      const [ours, bare] = [await simulator(), await echo?.()];
      if (turn < 0) continue;
      all.simulator.push(...ours);
      if (bare) all.echo.push(...bare);
    }
    return all;
  }
}

/** Milliseconds of steps of `numEnvs` worlds in one message. */
async function timeSteps(
  simulators: Simulators,
  numEnvs: number,
  ms: number,
  echo: Echo | undefined,
): Promise<Turns & { readonly sizes: Sizes }> {
  const env = await connectTo(simulators, numEnvs);
  try {
    await env.reset(0);
    const { actionSpace, observationSpace } = env.spec;
    const sizes = { obsDim: observationSpace.low.length, actDim: actionSpace.low.length };
    const actions = new Float32Array(numEnvs * sizes.actDim);
    const request = stepMessage(numEnvs, sizes);
    await echo?.answerWith(stepReply(numEnvs, sizes));
    const bare = echo && (() => timed(ms, () => echo.send(request).then(() => echo.receive())));
    return { ...(await Turns.take(() => timed(ms, () => env.step(actions)), bare)), sizes };
  } finally {
    await env.close();
  }
}

/** Milliseconds of each round trip; the first fifth of the time is not counted. */
async function timed(milliseconds: number, roundTrip: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  const begin = performance.now();
  for (let before = begin; before - begin < milliseconds; ) {
    await roundTrip();
    const after = performance.now();
    if (before - begin > milliseconds / 5) times.push(after - before);
    before = after;
  }
  return times;
}

/** Steps a second, a request of each of `count` sessions of one world under way. */
async function timeFlight(
  simulators: Simulators,
  count: number,
  ms: number,
  { echo, sizes }: { readonly echo: Echo | undefined; readonly sizes: Sizes },
): Promise<Turns> {
  const sessions = await Sessions.open(simulators, count, sizes.actDim);
  try {
    const request = stepMessage(1, sizes);
    await echo?.answerWith(stepReply(1, sizes));
    const bare = echo && (async () => [await inFlight(count, ms, () => echo.send(request), echo)]);
    return await Turns.take(async () => [await sessions.play(ms)], bare);
  } finally {
    await sessions.close();
  }
}

/** `count` sessions of one world each, over one connection. */
class Sessions {
  readonly #connection: Connection;
  readonly #names: readonly string[];
  readonly #arrays: { readonly actions: NamedArray; readonly seeds: NamedArray };
  readonly #next: number[];

  private constructor(connection: Connection, count: number, actDim: number) {
    this.#connection = connection;
    this.#names = Array.from({ length: count }, () => randomBytes(16).toString('hex'));
    this.#next = this.#names.map(() => 1);
    const actions = { shape: [1, actDim], data: new Float32Array(actDim) };
    this.#arrays = { actions, seeds: { shape: [1], data: BigInt64Array.of(1n) } };
  }

  static async open({ sim, simKeys }: Simulators, count: number, actDim: number): Promise<Sessions> {
    const keys = simKeys === undefined ? undefined : readKeys(simKeys);
    const made = new Sessions(new Connection(sim.split(',')[0]!, { keys }), count, actDim);
    for (const session of made.#names) {
      await made.#connection.request('make', { session, num_envs: 1 });
      await made.#connection.request('reset', { session, k: 0 }, { seeds: made.#arrays.seeds });
    }
    return made;
  }

  /** Steps a second with a request of every session under way. */
  async play(milliseconds: number): Promise<number> {
    const { actions, seeds } = this.#arrays;
    const begin = performance.now();
    let steps = 0;
    const playOne = async (session: string, i: number) => {
      const form = new Form('step', { session }, this.#arrays);
      for (; performance.now() - begin < milliseconds; steps++)
        await this.#connection.ordered(form, this.#next[i]!++, [actions.data, seeds.data]);
    };
    await Promise.all(this.#names.map(playOne));
    return (1000 * steps) / (performance.now() - begin);
  }

  async close(): Promise<void> {
    await Promise.all(this.#names.map(session => this.#connection.request('close', { session })));
    this.#connection.close();
  }
}

/** Messages a second with `count` of them under way. */
async function inFlight(count: number, ms: number, send: () => Promise<void>, echo: Echo): Promise<number> {
  const begin = performance.now();
  for (let i = 0; i < count; i++) await send();
  let done = 0;
  for (; performance.now() - begin < ms; done++) {
    await echo.receive();
    await send();
  }
  for (let i = 0; i < count; i++, done++) await echo.receive();
  return (1000 * done) / (performance.now() - begin);
}

export async function runBenchBridge(input: Input, io: Io): Promise<number> {
  const given = input.text('sim');
  const numEnvs = input.has('num-envs') ? input.count('num-envs') : undefined;
  const seconds = input.number('seconds', { min: 0.1 });
  const own = given === undefined ? await idleSimulator() : undefined;
  let echo: Echo | undefined;
  try {
    const simulators = checkSimulators(given ?? own!.address, input.text('sim-keys'));
    if (given === undefined || given.split(',').every(one => LOOPBACK.test(one))) echo = await startEcho(io);
    const result = await benchBridge(simulators, { numEnvs, seconds, echo });
    if (input.has('json')) io.stdout.write(`${JSON.stringify(result)}\n`);
    else
      io.stdout.write(
        `${describe('the simulator', result, result.numEnvs)}${describe('a bare echo', result.echo, result.numEnvs)}`,
      );
    return 0;
  } finally {
    echo?.stop();
    own?.stop();
  }
}

async function startEcho(io: Io): Promise<Echo | undefined> {
  try {
    return await Echo.start();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    io.stderr.write(`agent: no echo to compare with: ${error.message}\n`);
    return undefined;
  }
}

function describe(what: string, rates: Rates | undefined, numEnvs: number): string {
  if (!rates) return '';
  const { roundTripMicroseconds: trip, stepsPerSecond, inFlight: flight } = rates;
  return `${what.padEnd(14)} a step and back ${trip.p50} µs (p99 ${trip.p99}); ${numEnvs} worlds: ${stepsPerSecond} steps/s in one message, ${flight.stepsPerSecond} in one each\n`;
}
