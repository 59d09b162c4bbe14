import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withoutWorldMargins } from '../../../envs/mujoco/legacy.ts';
import { readModelFile, Simulation } from '../../../envs/mujoco/mujoco.ts';
import { envIds, envInfo, makeMujocoEnv } from '../../../envs/registry.ts';
import { fixturesDir } from '../../reference.ts';
import { readRollout } from '../../trajectories/replay.ts';

describe('--physics legacy', { timeout: 60_000 }, () => {
  it.each([
    ['Hopper-v3', 15.264998703792806],
    ['HalfCheetah-v2', 13.999999999999998],
    ['Walker2d-v3', 22.69800692218626],
    ['Ant-v2', 0.8787101739346321],
    ['Humanoid-v3', 39.64581713256324],
    ['Pusher-v2', 12.856810868675643],
    ['antmaze-large-play-v2', 0.8787101739346321],
  ])('%s has the masses of the old engines', async (id, total) => {
    const env = await makeMujocoEnv(`${id}+legacy`);
    try {
      const masses = Array.from(env.simulation.model.body_mass as Float64Array);
      expect(masses.reduce((a, b) => a + b)).toBeCloseTo(total, 12);
      expect(env.spec.id).toBe(`${id}+legacy`);
    } finally {
      env.close();
    }
  });

  it('takes the torso of the hopper for a cylinder', async () => {
    const masses = async (id: string) => {
      const env = await makeMujocoEnv(id);
      const torso = (env.simulation.model.body_mass as Float64Array)[1]!;
      env.close();
      return torso.toFixed(3);
    };
    expect(await masses('Hopper-v3+legacy')).toBe('3.534');
    expect(await masses('Hopper-v3')).toBe('3.665');
  });

  it('leaves floor and walls without a margin, bodies with theirs', async () => {
    const env = await makeMujocoEnv('antmaze-umaze-v0+legacy');
    const { geom_margin, geom_bodyid } = env.simulation.model;
    const margins = Array.from(geom_margin as Float64Array, (margin, i) => [geom_bodyid[i] === 0, margin]);
    env.close();
    expect(margins.length).toBe(1 + 18 + 13);
    for (const [ofWorld, margin] of margins) expect(margin).toBe(ofWorld ? 0 : 0.01);
  });

  it.each(['Hopper-v4', 'Ant-v4'])('%s: the margins alone give the contacts of MuJoCo 2.2.2', async id => {
    const rollout = readRollout(join(fixturesDir, 'margins', `${id}.2.2.2.seed0.json.gz`));
    const definition = envInfo(id);
    const xml = withoutWorldMargins(await readModelFile(definition.model));
    const simulation = await Simulation.create(xml);
    try {
      simulation.zero();
      simulation.qpos.set(rollout.initial.qpos);
      simulation.qvel.set(rollout.initial.qvel);
      simulation.forward();
      rollout.actions.forEach((action, t) => {
        simulation.ctrl.set(action);
        simulation.step(definition.frameSkip);
        rollout.qpos[t]!.forEach((q, i) => {
          expect(Math.abs(simulation.qpos[i]! - q)).toBeLessThan(1e-10);
        });
      });
    } finally {
      simulation.close();
    }
  });

  it('is refused where the old masses are not known', async () => {
    await expect(makeMujocoEnv('h1-walk-v0+legacy')).rejects.toMatchObject({ exitCode: 2 });
    await expect(makeMujocoEnv('maze2d-umaze-v1+legacy')).rejects.toThrow(
      "the old engines' masses of maze2d-umaze-v1 are not known",
    );
  });

  it('compiles for every task whose masses are known', { timeout: 60_000 }, async () => {
    const known = envIds().filter(id => !/^(h1|maze2d|PointMaze|Pusher-v5|AntMaze)/.test(id));
    for (const id of known) {
      const env = await makeMujocoEnv(`${id}+legacy`);
      expect(env.reset(0).every(Number.isFinite)).toBe(true);
      env.close();
    }
  });
});
