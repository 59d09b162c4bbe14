import { describe, expect, it } from 'vitest';
import { envIds, makeMujocoEnv } from '../../../envs/registry.ts';
import { exportScene } from '../../../src/dashboard/scene.ts';
import { interpolate, Kinematics } from '../../../src/dashboard/web/stage/kinematics.ts';
import { Rng } from '../../../src/random/rng.ts';

/** One task of each body. */
const tasks = [
  'Humanoid-v3',
  'HumanoidStandup-v4',
  'Ant-v3',
  'HalfCheetah-v3',
  'Hopper-v3',
  'Walker2d-v3',
  'Swimmer-v3',
  'Reacher-v4',
  'Pusher-v4',
  'InvertedPendulum-v4',
  'InvertedDoublePendulum-v4',
  'antmaze-umaze-v2',
  'maze2d-umaze-v1',
  'h1-walk-v0',
].filter(id => envIds().some(known => known.toLowerCase() === id.toLowerCase()));

describe('poses computed in the page', { timeout: 60_000 }, () => {
  it.each(tasks)('%s: equal the engine to rounding, along a rollout', async id => {
    const env = await makeMujocoEnv(id);
    try {
      const { simulation } = env;
      const scene = exportScene(simulation.model as never, { task: id, stepSeconds: 0.01, maxEpisodeSteps: 1000 });
      const kinematics = new Kinematics(scene);
      const rng = new Rng(7);
      env.reset(1);
      const { data } = simulation.inside;
      for (let step = 0; step < 25; step++) {
        const action = Float32Array.from(env.spec.actionSpace.low, () => rng.uniform(-1, 1));
        const { terminated, truncated } = env.step(action);
        if (terminated || truncated) env.reset();
        simulation.forward();
        kinematics.update(env.qpos());
        const [xpos, xquat] = [data.xpos, data.xquat] as [Float64Array, Float64Array];
        for (let i = 0; i < xpos.length; i++) expect(Math.abs(kinematics.xpos[i]! - xpos[i]!)).toBeLessThan(1e-11);
        for (let i = 0; i < xquat.length; i++) expect(Math.abs(kinematics.xquat[i]! - xquat[i]!)).toBeLessThan(1e-11);
      }
    } finally {
      env.close();
    }
  });

  it('has tasks to check', () => expect(tasks.length).toBeGreaterThan(8));

  it('exports every shape and name of the model', async () => {
    const env = await makeMujocoEnv('Humanoid-v3');
    try {
      const scene = exportScene(env.simulation.model as never, {
        task: 'Humanoid-v3',
        stepSeconds: 0.015,
        maxEpisodeSteps: 1000,
      });
      expect(scene.bodies.length).toBe(14);
      expect(scene.geoms.length).toBe(18);
      expect(scene.actions.slice(0, 3)).toEqual(['abdomen_y', 'abdomen_z', 'abdomen_x']);
      expect(scene.geoms.find(geom => geom.name === 'head')).toMatchObject({
        kind: 'sphere',
        size: [0.09, 0, 0],
        body: 1,
      });
      expect(scene.joints[0]).toMatchObject({ kind: 'free', qpos: 0 });
      const mass = scene.bodies.reduce((sum, body) => sum + body.mass, 0);
      expect(mass).toBeGreaterThan(30);
      const out = new Float64Array(24);
      const [a, b] = [Float64Array.from(scene.qpos0), Float64Array.from(scene.qpos0)];
      b.set([-1, 0, 0, 0], 3); // the same orientation with the other sign
      b[0] = 2;
      interpolate(scene, a, b, 0.5, out);
      expect(out[0]).toBe(1);
      expect([...out.subarray(3, 7)]).toEqual([1, 0, 0, 0]);
    } finally {
      env.close();
    }
  });
});
