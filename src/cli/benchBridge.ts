import { randomBytes } from 'node:crypto';
import { Connection } from '../../bridge/connection.ts';
import { readSpec } from '../../bridge/reply.ts';
import { AgentError } from '../errors.ts';
import { Echo, idleSimulator, stepMessage, stepReply } from './benchEcho.ts';
import type { Input, Io } from './command.ts';
import { checkSimulators, connectTo, LOOPBACK, readKeys, type Simulators } from './simulator.ts';

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

/** Milliseconds of round trips, and steps a second. */
interface Measured {
  readonly alone: number[];
  readonly together: number[];
  flight: number;
}

const TURNS = 4;

/** Steps a simulator and, where that is on this machine, an echo, for `seconds`: turn by turn, so that both have the same machine. */
export async function benchBridge(
  simulators: Simulators,
  { seconds = 8, numEnvs = 32, echo = undefined as Echo | undefined } = {},
): Promise<BridgeRates> {
  const each = (1000 * seconds) / TURNS / 6;
  const empty = (): Measured => ({ alone: [], together: [], flight: 0 });
  const [sim, bare] = [empty(), empty()];
  for (let turn = 0; turn < TURNS; turn++) {
    const sizes = await timeSteps(simulators, 1, each, sim.alone);
    await timeSteps(simulators, numEnvs, each, sim.together);
    sim.flight = Math.max(sim.flight, await timeFlight(simulators, numEnvs, each));
    if (!echo) continue;
    await timeEcho(echo, 1, sizes, each, bare.alone);
    await timeEcho(echo, numEnvs, sizes, each, bare.together);
    await echo.answerWith(stepReply(1, sizes));
    const request = stepMessage(1, sizes);
    const done = await inFlight(numEnvs, each, () => echo.send(request), echo);
    bare.flight = Math.max(bare.flight, done);
  }
  return { ...rates(sim, numEnvs), numEnvs, ...(echo && { echo: rates(bare, numEnvs) }) };
}

function rates({ alone, together, flight }: Measured, numEnvs: number): Rates {
  alone.sort((a, b) => a - b);
  const at = (part: number) => Math.round(alone[Math.floor(part * (alone.length - 1))]! * 1e4) / 10;
  together.sort((a, b) => a - b);
  return {
    roundTripMicroseconds: { p50: at(0.5), p99: at(0.99) },
    stepsPerSecond: Math.round((1000 * numEnvs) / together[together.length >> 1]!),
    inFlight: { stepsPerSecond: Math.round(flight) },
  };
}

/** Adds the milliseconds of each round trip to `times`; the first fifth of the time is not counted. */
async function timed(milliseconds: number, times: number[], roundTrip: () => Promise<unknown>): Promise<void> {
  const begin = performance.now();
  for (let before = begin; before - begin < milliseconds; ) {
    await roundTrip();
    const after = performance.now();
    if (before - begin > milliseconds / 5) times.push(after - before);
    before = after;
  }
}

async function timeSteps(simulators: Simulators, numEnvs: number, ms: number, times: number[]): Promise<Sizes> {
  const env = await connectTo(simulators, numEnvs);
  try {
    await env.reset(0);
    const { actionSpace, observationSpace } = env.spec;
    const actions = new Float32Array(numEnvs * actionSpace.low.length);
    await timed(ms, times, () => env.step(actions));
    return { obsDim: observationSpace.low.length, actDim: actionSpace.low.length };
  } finally {
    await env.close();
  }
}

async function timeEcho(echo: Echo, numEnvs: number, sizes: Sizes, ms: number, times: number[]): Promise<void> {
  await echo.answerWith(stepReply(numEnvs, sizes));
  const request = stepMessage(numEnvs, sizes);
  await timed(ms, times, async () => {
    await echo.send(request);
    await echo.receive();
  });
}

/** Steps a second with `count` sessions of one world each, a request of every one under way. */
async function timeFlight({ sim, simKeys }: Simulators, count: number, ms: number): Promise<number> {
  const connection = new Connection(sim.split(',')[0]!, {
    keys: simKeys === undefined ? undefined : readKeys(simKeys),
  });
  try {
    const sessions = Array.from({ length: count }, () => ({ session: randomBytes(16).toString('hex'), k: 0 }));
    const seeds = { shape: [1], data: BigInt64Array.of(1n) };
    let actDim = 0;
    for (const one of sessions) {
      const made = await connection.request('make', { session: one.session, num_envs: 1 });
      actDim = readSpec(made, connection.address).actionSpace.low.length;
      await connection.request('reset', { session: one.session, k: one.k++ }, { seeds });
    }
    const actions = { shape: [1, actDim], data: new Float32Array(actDim) };
    const begin = performance.now();
    let steps = 0;
    const play = async (one: { session: string; k: number }) => {
      for (; performance.now() - begin < ms; steps++)
        await connection.request('step', { session: one.session, k: one.k++ }, { actions, seeds });
    };
    await Promise.all(sessions.map(play));
    const rate = (1000 * steps) / (performance.now() - begin);
    await Promise.all(sessions.map(({ session }) => connection.request('close', { session })));
    return rate;
  } finally {
    connection.close();
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
