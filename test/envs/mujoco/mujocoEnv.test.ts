import { describe, expect, it } from 'vitest';
import type { MujocoEnv } from '../../../envs/mujoco/mujocoEnv.ts';
import { makeEnv, makeMujocoEnv } from '../../../envs/registry.ts';
import { makeVectorEnv } from '../../../envs/vector.ts';
import type { Env } from '../../../src/env/env.ts';

async function using<T>(id: string, use: (env: MujocoEnv) => T): Promise<T> {
  const env = await makeMujocoEnv(id);
  try {
    return use(env);
  } finally {
    env.close();
  }
}

describe('bad calls', { timeout: 60_000 }, () => {
  it('say what was wrong, with the value', async () => {
    await using('Hopper-v5', env => {
      const action = new Float32Array(3);
      expect(() => env.step(action)).toThrow('step before the first reset of Hopper-v5');
      expect(() => env.reset(-1)).toThrow('seed is -1, a whole number ≥ 0 is wanted');
      expect(() => env.reset(0.5)).toThrow('seed is 0.5');
      env.reset(0);
      expect(() => env.step(new Float32Array(4))).toThrow('action has 4 numbers, Hopper-v5 takes 3');
      expect(() => env.step(Float32Array.of(0, Number.NaN, 0))).toThrow('action[1] is NaN');
      expect(() => env.restore({ ...env.save(), physics: new Float64Array(3) })).toThrow('saved state has 3 numbers');
      env.step(action);
      env.close();
      expect(() => env.step(action)).toThrow('Hopper-v5 is closed');
      expect(() => env.reset(0)).toThrow('Hopper-v5 is closed');
      expect(() => env.save()).toThrow('Hopper-v5 is closed');
      env.close();
    });
  });

  it('names the nearest environments', async () => {
    await expect(makeEnv('Humanod-v3')).rejects.toMatchObject({
      message: 'no environment "Humanod-v3"',
      exitCode: 2,
      remedies: [
        ['did you mean', 'Humanoid-v3  Humanoid-v4  Humanoid-v5'],
        ['all of them', 'agent env ls'],
      ],
    });
    await expect(makeEnv('zzz')).rejects.toMatchObject({ remedies: [['all of them', 'agent env ls']] });
  });
});

describe('actions', { timeout: 60_000 }, () => {
  it('in [-1, 1] span the task’s own bounds', async () => {
    await using('Humanoid-v4', env => {
      env.reset(0);
      env.step(new Float32Array(17).fill(1));
      expect(Array.from(env.simulation.ctrl)).toEqual(Array(17).fill(Math.fround(0.4)));
      env.step(new Float32Array(17).fill(-0.5));
      expect(Array.from(env.simulation.ctrl)).toEqual(Array(17).fill(Math.fround(-0.2)));
      env.step(Float32Array.from({ length: 17 }, (_, i) => (i % 2 ? Number.POSITIVE_INFINITY : -7)));
      expect(env.simulation.ctrl[0]).toBe(-Math.fround(0.4));
      expect(env.simulation.ctrl[1]).toBe(Math.fround(0.4));
    });
  });

  it('of D4RL’s antmaze are torques up to 30 N m', async () => {
    await using('antmaze-large-play-v2', env => {
      env.reset(0);
      env.step(Float32Array.of(1, -1, 0, 0.5, -0.5, 1, 1, 1));
      expect(Array.from(env.simulation.ctrl.subarray(0, 5))).toEqual([30, -30, 0, 15, -15]);
    });
  });
});

describe('a diverging simulation', { timeout: 60_000 }, () => {
  it('is truncated with its last finite observation, counted, and must be reset', async () => {
    await using('Ant-v5', env => {
      env.reset(0);
      const { observation } = env.step(new Float32Array(8));
      env.simulation.qvel[0] = Number.NaN;
      const torn = env.step(new Float32Array(8));
      expect(torn).toMatchObject({ reward: 0, terminated: false, truncated: true, info: { diverged: 1 } });
      expect(torn.observation).toEqual(observation);
      expect(env.divergences).toBe(1);
      expect(() => env.step(new Float32Array(8))).toThrow('Ant-v5 diverged and was truncated');
      expect(env.reset().every(Number.isFinite)).toBe(true);
      expect(env.step(new Float32Array(8)).info.diverged).toBeUndefined();
    });
  });

  it('never leaves a torn number in a step, however it is forced', { timeout: 60_000 }, async () => {
    await using('InvertedDoublePendulum-v4', env => {
      const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e11, -1e300];
      env.reset(0);
      for (let i = 0; i < 1000; i++) {
        const field = i % 2 ? env.simulation.qpos : env.simulation.qvel;
        field[i % 3] = values[i % values.length]!;
        const step = env.step(Float32Array.of(1));
        expect(step.info.diverged).toBe(1);
        expect(step.observation.every(Number.isFinite)).toBe(true);
        env.reset();
      }
      expect(env.divergences).toBe(1000);
    });
  });

  it('is marked in a vector environment, which starts anew by itself', async () => {
    const broken: Env = await makeMujocoEnv('Hopper-v3');
    const { LocalVectorEnv } = await import('../../../src/env/vectorEnv.ts');
    const env = new LocalVectorEnv([await makeEnv('Hopper-v3'), broken]);
    await env.reset(0);
    await env.step(new Float32Array(6));
    (broken as MujocoEnv).simulation.qvel[2] = 1e12;
    const step = await env.step(new Float32Array(6));
    expect(Array.from(step.diverged!)).toEqual([0, 1]);
    expect(Array.from(step.truncated)).toEqual([0, 1]);
    expect(step.nextObservations.every(Number.isFinite)).toBe(true);
    expect(Array.from((await env.step(new Float32Array(6))).diverged!)).toEqual([0, 0]);
    await env.close();
  });
});

describe('seeds', { timeout: 60_000 }, () => {
  it('fix goal and start of D4RL’s mazes', async () => {
    for (const id of [
      'antmaze-umaze-v2',
      'antmaze-medium-diverse-v0',
      'maze2d-large-v1',
      'PointMaze_Open_Diverse_GR-v3',
    ]) {
      const [a, b] = [await makeMujocoEnv(id), await makeMujocoEnv(id)];
      b.reset(99);
      expect(b.reset(4)).toEqual(a.reset(4));
      expect(b.task.goal).toEqual(a.task.goal);
      a.close();
      b.close();
    }
  });

  it('draw one goal for all episodes in v0, a new one for each in v2', async () => {
    const goals = (id: string) =>
      using(id, env => {
        env.reset(4);
        const first = Array.from(env.task.goal!);
        env.reset();
        return [first, Array.from(env.task.goal!)];
      });
    const [v0, again] = await goals('antmaze-umaze-v0');
    expect(again).toEqual(v0);
    const [v2, other] = await goals('antmaze-umaze-v2');
    expect(other).not.toEqual(v2);
  });
});

describe('goal mazes', { timeout: 60_000 }, () => {
  it('end at the goal only when the task is not continuing, and move a reached goal if asked', async () => {
    for (const [continuingTask, resetTarget] of [
      [undefined, undefined],
      [false, undefined],
      [true, true],
    ]) {
      const env = await makeMujocoEnv('PointMaze_Open-v3', { continuingTask, resetTarget });
      env.reset(0);
      const goal = Array.from(env.task.goal!);
      env.simulation.qpos.set(goal);
      const step = env.step(new Float32Array(2));
      expect(step.reward).toBe(1);
      expect(step.info.success).toBe(1);
      expect(step.terminated).toBe(continuingTask === false);
      expect(Array.from(step.observation.subarray(6))).toEqual(goal.map(Math.fround));
      if (resetTarget) expect(Array.from(env.task.goal!)).not.toEqual(goal);
      else expect(Array.from(env.task.goal!)).toEqual(goal);
      env.close();
    }
  });
});

describe('memory', { timeout: 60_000 }, () => {
  it('of a closed world is given back', { timeout: 60_000 }, async () => {
    const engineBytes = async () => using('Hopper-v3', env => env.simulation.qpos.buffer.byteLength);
    const before = await engineBytes();
    for (let i = 0; i < 50; i++) {
      const env = await makeVectorEnv('Ant-v5', 2);
      await env.reset(i);
      await env.close();
    }
    expect(await engineBytes()).toBeLessThanOrEqual(before + 16 * 2 ** 20);
  });

  it('of a world beyond the first is at most 3 MB', { timeout: 60_000 }, async () => {
    const count = 40;
    const first = await makeMujocoEnv('Humanoid-v3');
    const before = first.simulation.qpos.buffer.byteLength;
    const more = await Promise.all(Array.from({ length: count }, () => makeMujocoEnv('Humanoid-v3')));
    first.simulation.refresh();
    first.reset(0);
    const after = first.simulation.qpos.buffer.byteLength;
    for (const env of [first, ...more]) env.close();
    expect((after - before) / count).toBeLessThanOrEqual(3 * 2 ** 20);
  });
});
