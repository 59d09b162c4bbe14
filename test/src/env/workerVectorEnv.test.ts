import { beforeAll, describe, expect, it } from 'vitest';
import { envIds } from '../../../envs/registry.ts';
import { makeVectorEnv, makeWorkerVectorEnv } from '../../../envs/vector.ts';
import { checkEnv } from '../../../src/env/checkEnv.ts';
import type { VectorEnv, VectorStep } from '../../../src/env/env.ts';
import type { WorkerVectorEnv } from '../../../src/env/workerVectorEnv.ts';
import { Rng } from '../../../src/random/rng.ts';
import { ensureBuilt } from '../../built.ts';

beforeAll(ensureBuilt, 120_000);

function actionsOf(env: VectorEnv, t: number): Float32Array {
  const rng = new Rng(3).split(`step ${t}`);
  return Float32Array.from({ length: env.numEnvs * env.spec.actionSpace.low.length }, () => rng.uniform(-1, 1));
}

async function steps(env: VectorEnv, from: number, to: number): Promise<VectorStep[]> {
  const seen: VectorStep[] = [];
  for (let t = from; t < to; t++) seen.push(await env.step(actionsOf(env, t)));
  return seen;
}

async function using<E extends VectorEnv, T>(made: Promise<E>, use: (env: E) => Promise<T>): Promise<T> {
  const env = await made;
  try {
    return await use(env);
  } finally {
    await env.close();
  }
}

/** ALL_ENVS=1 DETERMINISM_STEPS=10000 is the whole of it. */
const compared = process.env.ALL_ENVS ? envIds() : ['InvertedPendulum-v4', 'Hopper-v3', 'antmaze-umaze-v2'];
const comparedSteps = Number(process.env.DETERMINISM_STEPS ?? 120);

describe('worlds over worker threads', () => {
  it.each(compared)(
    '%s: 1, 2 and 4 workers give what this thread gives',
    { timeout: 900_000 + 100 * comparedSteps },
    async id => {
      const run = async (env: VectorEnv) => ({ start: await env.reset(11), steps: await steps(env, 0, comparedSteps) });
      const here = await using(makeVectorEnv(id, 5), async env => ({
        limit: env.spec.maxEpisodeSteps,
        ...(await run(env)),
      }));
      const { limit, ...given } = here;
      if (limit <= comparedSteps || /^(InvertedPendulum|Hopper)/.test(id))
        // some episodes end, and others begin
        expect(given.steps.flatMap(({ episodes }) => episodes).length).toBeGreaterThan(0);
      for (const workers of [1, 2, 4]) expect(await using(makeWorkerVectorEnv(id, 5, { workers }), run)).toEqual(given);
    },
  );

  it('keeps every promise of an environment', { timeout: 300_000 }, async () => {
    const findings = await checkEnv(numEnvs => makeVectorEnv('Hopper-v5', numEnvs, { workers: 2 }));
    expect(findings.filter(({ verdict }) => verdict !== 'kept')).toEqual([]);
  });

  it('lets timers run while steps follow each other closely', { timeout: 60_000 }, async () => {
    await using(makeVectorEnv('InvertedPendulum-v4', 4, { workers: 2 }), async env => {
      await env.reset(0);
      const actions = actionsOf(env, 0);
      let ticks = 0;
      const timer = setInterval(() => ticks++, 5);
      for (const end = performance.now() + 500; performance.now() < end; ) await env.step(actions);
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(5); // 33 turns of the event loop are due
    });
  });

  it('moves between threads and this one by its saved state', { timeout: 300_000 }, async () => {
    const { saved, onward } = await using(makeVectorEnv('Ant-v5', 3), async env => {
      await env.reset(5);
      await steps(env, 0, 40);
      return { saved: await env.save(), onward: await steps(env, 40, 80) };
    });
    const there = await using(makeVectorEnv('Ant-v5', 3, { workers: 2 }), async env => {
      await env.restore(saved);
      return { onward: await steps(env, 40, 80), saved: await env.save(), qpos: await env.qpos!() };
    });
    expect(there.onward).toEqual(onward);
    expect(there.qpos.map(q => q.length)).toEqual([15, 15, 15]);
    await using(makeVectorEnv('Ant-v5', 3), async env => {
      await env.restore(saved);
      await steps(env, 40, 80);
      expect(await env.save()).toEqual(there.saved);
    });
  });
});

describe('a worker that fails', () => {
  /** A step that takes long on a busy machine is no fault here, unless `stepTimeoutMs` says so. */
  const make = (faults: string[], stepTimeoutMs: number | undefined = 30_000) =>
    makeWorkerVectorEnv('Hopper-v3', 4, {
      workers: 2,
      stepTimeoutMs,
      onFault: ({ worker, reason }) => faults.push(`${worker}: ${reason}`),
    });

  async function reference(): Promise<VectorStep[]> {
    return using(makeVectorEnv('Hopper-v3', 4), async env => {
      await env.reset(1);
      return steps(env, 0, 150);
    });
  }

  it.each([
    ['throw', /^1: failed on purpose$/],
    ['exit', /^1: .*(exit|ended|code)/],
    ['kill', /^1: .*ended/],
  ] as const)('by %s is replaced; nothing is lost or doubled', { timeout: 300_000 }, async (how, reason) => {
    const faults: string[] = [];
    const seen = await using(make(faults), async env => {
      await env.reset(1);
      const before = await steps(env, 0, 130);
      await env.failWorker(1, how);
      return [...before, ...(await steps(env, 130, 150))];
    });
    expect(seen).toEqual(await reference());
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(reason);
  });

  it('by hanging is noticed within a second', { timeout: 300_000 }, async () => {
    const faults: string[] = [];
    const env = await makeWorkerVectorEnv('Hopper-v3', 4, {
      workers: 2,
      onFault: ({ worker, reason }) => faults.push(`${worker}: ${reason}`),
    });
    try {
      await env.reset(1);
      const before = await steps(env, 0, 130);
      expect(faults).toEqual([]);
      await env.failWorker(1, 'hang');
      const between = await steps(env, 130, 140);
      await env.failWorker(1, 'hang'); // the second time no later than the first
      expect([...before, ...between, ...(await steps(env, 140, 150))]).toEqual(await reference());
      expect(faults.filter(fault => fault === '1: no answer within 900 ms')).toHaveLength(2);
      expect(faults).toHaveLength(2);
    } finally {
      await env.close();
    }
  });

  it('in the middle of a step', { timeout: 3_600_000 }, async () => {
    const trials = Number(process.env.WORKER_KILLS ?? 4); // nightly: 200, and then memory is watched too
    const expected = await reference();
    const faults: string[] = [];
    await using(make(faults), async env => {
      let settledRss = 0;
      for (let trial = 0; trial < trials; trial++) {
        if (trial === Math.floor(trials / 4)) settledRss = process.memoryUsage.rss();
        await env.reset(1);
        const killAt = new Rng(trial).integer(150);
        for (let t = 0; t < 150; t++) {
          const step = env.step(actionsOf(env, t));
          if (t === killAt) void env.failWorker(trial % 2, 'kill');
          expect(await step).toEqual(expected[t]);
        }
      }
      if (trials >= 100) expect(process.memoryUsage.rss()).toBeLessThan(1.05 * settledRss);
    });
    expect(faults).toHaveLength(trials);
  });

  it('again and again stops the run with its worlds named', { timeout: 300_000 }, async () => {
    const faults: string[] = [];
    const env: WorkerVectorEnv = await make(faults);
    try {
      await env.reset(1);
      const states = (await env.save()).map(state => ({ ...state, physics: state.physics.slice(1) }));
      await expect(env.restore(states)).rejects.toThrow(
        /worker \d \(worlds \d to \d\) failed 3 times: saved state has/,
      );
    } finally {
      await env.close();
    }
    expect(faults.length).toBeGreaterThanOrEqual(3);
  });
});

describe('bad calls', () => {
  it('are refused with what was wrong', { timeout: 300_000 }, async () => {
    await expect(makeVectorEnv('Hopper-v3', 0)).rejects.toThrow('0 worlds are wanted');
    await expect(makeVectorEnv('Hopper-v3', 2, { workers: -1 })).rejects.toThrow('-1 workers are wanted');
    await expect(makeVectorEnv('Hoper-v3', 2, { workers: 2 })).rejects.toMatchObject({ exitCode: 2 });
    await using(makeVectorEnv('Hopper-v3', 2, { workers: 2 }), async env => {
      await expect(env.step(new Float32Array(6))).rejects.toThrow('step before the first reset of Hopper-v3');
      await env.reset(0);
      await expect(env.step(new Float32Array(3))).rejects.toThrow(
        'actions have 3 numbers, 2 worlds of Hopper-v3 take 6',
      );
      await expect(env.step(new Float32Array(6).fill(Number.NaN))).rejects.toThrow('action[0] of world 0 is NaN');
      await expect(env.restore([])).rejects.toThrow('0 worlds were saved, 2 are here');
    });
  });
});
