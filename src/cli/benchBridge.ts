import type { Input, Io } from './command.ts';
import { checkSimulators, connectTo } from './simulator.ts';

export interface BridgeRates {
  /** Of one step of one world, the environment's own time included. */
  readonly roundTripMicroseconds: { readonly p50: number; readonly p99: number };
  /** Steps of worlds a second, `numEnvs` a message. */
  readonly stepsPerSecond: number;
  readonly numEnvs: number;
}

/** Steps a simulator for `seconds`: one world alone for the round trip, then many for the rate. */
export async function benchBridge(
  sim: string,
  { seconds = 5, numEnvs = 32, simKeys = undefined as string | undefined } = {},
): Promise<BridgeRates> {
  const simulators = checkSimulators(sim, simKeys);
  const alone = await timeSteps(simulators, 1, seconds / 2);
  const many = await timeSteps(simulators, numEnvs, seconds / 2);
  const sorted = alone.sort((a, b) => a - b);
  const at = (part: number) => Math.round(sorted[Math.floor(part * (sorted.length - 1))]! * 1e4) / 10;
  return {
    roundTripMicroseconds: { p50: at(0.5), p99: at(0.99) },
    stepsPerSecond: Math.round((numEnvs * many.length) / (many.reduce((sum, one) => sum + one, 0) / 1000)),
    numEnvs,
  };
}

/** Milliseconds of each step; the first tenth of the time is not counted. */
async function timeSteps(simulators: ReturnType<typeof checkSimulators>, numEnvs: number, seconds: number) {
  const env = await connectTo(simulators, numEnvs);
  try {
    await env.reset(0);
    const actions = new Float32Array(numEnvs * env.spec.actionSpace.low.length);
    const begin = performance.now();
    const times: number[] = [];
    for (;;) {
      const before = performance.now();
      await env.step(actions);
      const after = performance.now();
      if (before - begin > 100 * seconds) times.push(after - before);
      if (after - begin > 1000 * seconds && times.length > 0) return times;
    }
  } finally {
    await env.close();
  }
}

export async function runBenchBridge(input: Input, io: Io): Promise<number> {
  const sim = input.required('sim', 'ADDRESS', [['for example', 'agent bench bridge --sim tcp://127.0.0.1:5555']]);
  const result = await benchBridge(sim, {
    seconds: input.number('seconds', { min: 0.1 }),
    numEnvs: input.has('num-envs') ? input.count('num-envs') : undefined,
    simKeys: input.text('sim-keys'),
  });
  const { p50, p99 } = result.roundTripMicroseconds;
  io.stdout.write(
    input.has('json')
      ? `${JSON.stringify(result)}\n`
      : `a step and back ${p50} µs (p99 ${p99}), ${result.stepsPerSecond} steps/s with ${result.numEnvs} worlds\n`,
  );
  return 0;
}
