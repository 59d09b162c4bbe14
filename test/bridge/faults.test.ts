import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RemoteVectorEnv } from '../../bridge/client.ts';
import { connectSimulators } from '../../bridge/fleet.ts';
import type { VectorEnv } from '../../src/env/env.ts';
import { Rng } from '../../src/random/rng.ts';
import { sleep } from '../faults/agent.ts';
import { trials } from '../faults/toyRun.ts';
import { PointWorlds } from './pointWorld.ts';
import { needsPython, type Served, serve } from './server.ts';

beforeEach(needsPython);

const served: Served[] = [];
afterEach(() => Promise.all(served.splice(0).map(one => one.kill())));

async function start(address?: string): Promise<Served> {
  const one = await serve('point_world:Placed', address);
  served.push(one);
  return one;
}

/**
 * Steps `env` and its twin side by side; `fault` may do harm before, or while, step t is under way, and resolves when that is
 * mended. `shift` is the option of reset that the worlds were given. Returns the milliseconds from then to the first answer, for each fault.
 */
async function compare(env: VectorEnv, steps: number, fault: (t: number) => Promise<unknown> | undefined, shift = 0) {
  const twin = new PointWorlds(env.numEnvs, shift);
  const rng = new Rng(5);
  expect(await env.reset(9)).toEqual(await twin.reset(9));
  const recoveries: number[] = [];
  let mendedAt: number | undefined;
  for (let t = 0; t < steps; t++) {
    const actions = Float32Array.from({ length: env.numEnvs }, () => rng.uniform(-1.2, 1.2));
    const stepping = env.step(actions).then(result => ({ result, answeredAt: performance.now() }));
    const mending = fault(t)?.then(() => {
      mendedAt = performance.now();
    });
    const [{ result, answeredAt }] = await Promise.all([stepping, mending]);
    if (mendedAt !== undefined && answeredAt > mendedAt) {
      recoveries.push(answeredAt - mendedAt);
      mendedAt = undefined;
    }
    expect(result).toEqual(await twin.step(actions));
  }
  return recoveries.sort((a, b) => a - b);
}

function report(what: string, recoveries: readonly number[]): void {
  const at = (part: number) => Math.round(recoveries[Math.floor(part * (recoveries.length - 1))]!);
  process.stderr.write(`${what} ×${recoveries.length}: recovery p50 ${at(0.5)} ms, p99 ${at(0.99)} ms\n`);
}

const SHIFT = 0.0625;
const WORLDS = 10;
const STEPS = 1000; // 10 000 transitions

describe('a simulator that fails', () => {
  it('killed and started again, half of the times within a request: no transition is lost, doubled or altered', async () => {
    let server = await start();
    const told = new Set<string>();
    const onFault = (message: string) => told.add(message);
    const env = await RemoteVectorEnv.connect(server.address, WORLDS, {
      ...{ deadlineMs: 2000, onFault },
      resetOptions: { place: { shift: SHIFT } },
    });
    const kills = trials(6, 100);
    const every = Math.floor(STEPS / (kills + 1));
    const rng = new Rng(1);
    try {
      const kill = async () => {
        if (rng.integer(2) === 0) await sleep(rng.uniform(0, 2));
        await server.kill();
        server = await start(server.address);
      };
      const due = (t: number) => t % every === every - 1 && t < every * kills;
      const recoveries = await compare(env, STEPS, t => (due(t) ? kill() : undefined), SHIFT);
      expect(env.rebuilds).toBeGreaterThanOrEqual(Math.floor(kills / 2));
      expect(recoveries).toHaveLength(kills);
      expect(told).toContain(`${server.address} has rebuilt its worlds, nothing is lost`);
      report('killed', recoveries);
    } finally {
      await env.close();
    }
  }, 1_800_000);

  it('stopped for a while: the same', async () => {
    const server = await start();
    const env = await RemoteVectorEnv.connect(server.address, WORLDS, { deadlineMs: 400 });
    const stops = trials(6, 100);
    const every = Math.floor(STEPS / (stops + 1));
    const rng = new Rng(2);
    try {
      const recoveries = await compare(env, STEPS, t => {
        if (t % every !== every - 1 || t >= every * stops) return undefined;
        server.process.kill('SIGSTOP');
        return sleep(rng.uniform(100, 1500)).then(() => server.process.kill('SIGCONT'));
      });
      expect(env.rebuilds).toBe(0); // its memory was never lost
      report('stopped', recoveries);
    } finally {
      await env.close();
    }
  }, 1_800_000);

  it('one of two gone: its worlds go to the other, and come back with it', async () => {
    const [staying, going] = [await start(), await start()];
    const told: string[] = [];
    const onFault = (message: string) => told.push(message);
    const env = await connectSimulators([staying.address, going.address], 5, {
      absentMs: 1000,
      deadlineMs: 500,
      onFault,
    });
    try {
      await compare(env, 400, t => {
        if (t === 100) return going.kill();
        if (t === 150) return start(going.address).then(() => undefined);
        return t > 150 ? sleep(20) : undefined;
      });
      expect(told).toEqual([
        `${going.address} does not answer: it is waited for, 1 s at most`,
        `${going.address} is away, its worlds go to ${staying.address}`,
        `${going.address} is back`,
      ]);
    } finally {
      await env.close();
    }
  }, 120_000);
});
