import { describe, expect, it } from 'vitest';
import { makeMujocoEnv } from '../../../envs/registry.ts';
import { PhysicsServer } from '../../../src/cli/physicsServer.ts';
import { seededDraw } from '../../../src/dashboard/web/policy/sampling.ts';
import type { TouchPose } from '../../../src/dashboard/web/worker/messages.ts';
import { Rng } from '../../../src/random/rng.ts';
import { encodeSafetensors, stored } from '../../../src/runs/safetensors.ts';

/** A small random policy of one pass, as a checkpoint. */
function weights(obsDim: number, actDim: number): Uint8Array {
  const rng = new Rng(5);
  const random = (count: number) => Float32Array.from({ length: count }, () => rng.normal() * 0.3);
  const sizes = [obsDim, 8, actDim];
  const tensors = new Map(
    [0, 1].flatMap(i => [
      [`policy/${i}/weight`, stored(random(sizes[i]! * sizes[i + 1]!), [sizes[i]!, sizes[i + 1]!])] as const,
      [`policy/${i}/bias`, stored(random(sizes[i + 1]!))] as const,
    ]),
  );
  return new Uint8Array(Buffer.concat(encodeSafetensors(tensors)));
}

async function server(task = 'Hopper-v3', onPose: (pose: TouchPose) => void = () => {}) {
  const physics = new PhysicsServer(makeMujocoEnv, onPose);
  const loaded = (await physics.answer({ type: 'load', task })) as { obsDim: number; actDim: number; gravity: number };
  await physics.answer({ type: 'policy', algo: 'td3', weights: weights(loaded.obsDim, loaded.actDim), values: {} });
  return { physics, loaded };
}

describe('the page’s own world', () => {
  it.each(['Hopper-v3', 'Humanoid-v3'])(
    '%s: 1,000 steps of the same policy as in the trainer, bit for bit',
    async task => {
      const { physics } = await server(task);
      const own = (await physics.answer({ type: 'rollout', seed: 11, steps: 1000, actor: 0 })) as {
        qpos: Float64Array;
        rewards: Float64Array;
      };
      const env = await makeMujocoEnv(task);
      const { actorsOf } = await import('../../../src/dashboard/web/policy/policy.ts');
      const { readSafetensors } = await import('../../../src/dashboard/web/safetensors.ts');
      const { low } = env.spec.actionSpace;
      const [actor] = actorsOf(
        'td3',
        readSafetensors(weights(env.spec.observationSpace.low.length, low.length)).tensors,
        {},
        low.length,
      )!;
      let observation = env.reset(11);
      for (let i = 0; i < 1000; i++) {
        const step = env.step(actor!.act(observation, seededDraw(i)));
        expect(step.reward).toBe(own.rewards[i]);
        expect([...env.qpos()]).toEqual([...own.qpos.subarray(i * env.simulation.nq, (i + 1) * env.simulation.nq)]);
        observation = step.terminated || step.truncated ? env.reset() : step.observation;
      }
      env.close();
      physics.env.close();
    },
    60_000,
  );

  it('finds the observation of a state from two poses', async () => {
    const { physics, loaded } = await server();
    const env = await makeMujocoEnv('Hopper-v3');
    env.reset(3);
    const action = new Float32Array(loaded.actDim).fill(0.3);
    for (let i = 0; i < 5; i++) env.step(action);
    const before = env.qpos();
    const { observation } = env.step(action);
    const moment = (await physics.answer({ type: 'moment', qpos: env.qpos(), before })) as {
      observation: Float32Array;
    };
    // Positions exactly, velocities as the mean over the step.
    for (let i = 0; i < 5; i++) expect(moment.observation[i]).toBeCloseTo(observation[i]!, 6);
    for (let i = 5; i < 11; i++) expect(Math.abs(moment.observation[i]! - observation[i]!)).toBeLessThan(0.6);
    env.close();
  });

  it('changes its course when it is pushed, and only then', async () => {
    const run = async (push: boolean) => {
      const poses: TouchPose[] = [];
      const { physics } = await server('HalfCheetah-v3', pose => poses.push(pose));
      await physics.answer({ type: 'touch', on: true, actor: 0, seed: 2 });
      await physics.answer({ type: 'physics', physics: { gravity: 9.81, friction: 0.4, speed: 100 } });
      if (push)
        await physics.answer({
          type: 'push',
          push: { body: 1, point: [0, 0, 0.7], force: [200, 0, 0], torque: [0, 0, 0] },
        });
      while (poses.length < 30) await new Promise(resolve => setTimeout(resolve, 5));
      await physics.answer({ type: 'touch', on: false, actor: 0, seed: 0 });
      return poses.slice(0, 30).map(pose => pose.qpos);
    };
    const [calm, again, pushed] = [await run(false), await run(false), await run(true)];
    expect(calm.map(qpos => [...qpos])).toEqual(again.map(qpos => [...qpos]));
    expect(pushed.at(-1)![0]! - calm.at(-1)![0]!).toBeGreaterThan(0.5);
  }, 30_000);

  it('looks ahead: a path for every action, from the place where the body is', async () => {
    const { physics, loaded } = await server();
    const env = await makeMujocoEnv('Hopper-v3');
    env.reset(1);
    const actions = new Float32Array(2 * loaded.actDim);
    actions.fill(1, loaded.actDim);
    const { paths, steps } = (await physics.answer({
      type: 'ahead',
      qpos: env.qpos(),
      actions,
      body: 4,
      seconds: 0.3,
    })) as { paths: Float32Array; steps: number };
    expect(paths.length).toBe(2 * steps * 3);
    expect([...paths.subarray(0, 3)]).toEqual([...paths.subarray(steps * 3, steps * 3 + 3)]);
    const end = (k: number) => [...paths.subarray((k * steps + steps - 1) * 3, (k + 1) * steps * 3)];
    expect(end(0)).not.toEqual(end(1));
    env.close();
  });
});
