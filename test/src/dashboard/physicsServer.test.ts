import { beforeAll, describe, expect, it } from 'vitest';
import { makeMujocoEnv } from '../../../envs/registry.ts';
import { makeVectorEnv } from '../../../envs/vector.ts';
import { algorithms } from '../../../src/algorithms/catalog.ts';
import type { Srpo } from '../../../src/algorithms/srpo.ts';
import { useBackend } from '../../../src/backend/register.ts';
import { loadWasm } from '../../../src/backend/wasm/node.ts';
import { PhysicsServer } from '../../../src/cli/view/physicsServer.ts';
import { resolve } from '../../../src/config/hyperparameters.ts';
import type { Answers, TouchPose } from '../../../src/dashboard/web/worker/messages.ts';
import type { VectorEnv } from '../../../src/env/env.ts';
import { evaluate } from '../../../src/loops/evaluate.ts';
import { storeVariables } from '../../../src/loops/variables.ts';
import { Rng } from '../../../src/random/rng.ts';
import { encodeSafetensors } from '../../../src/runs/safetensors.ts';
import { StreamNoise } from '../../../src/tensor/noise.ts';
import { tf } from '../../../src/tensor/tf.ts';

const small = (algo: string) => ({
  hidden: 32,
  diffusionSteps: algo.startsWith('edp') ? 25 : 5,
  evaluationCandidates: 4,
});

/** An algorithm with its first weights, and these as a checkpoint's file. */
function fresh(algo: string, sizes: { obsDim: number; actDim: number }, seed = 5) {
  const definition = algorithms.get(algo)!;
  const known = Object.fromEntries(
    Object.entries(small(algo)).filter(([key]) => key in definition.hyperparameters.params),
  );
  const { values } = resolve(definition.hyperparameters, [{ source: 'test', values: known }]);
  const algorithm = definition.create(sizes, values as never, new StreamNoise(new Rng(seed).split('weights')));
  const weights = new Uint8Array(Buffer.concat(encodeSafetensors(storeVariables(algorithm.variables))));
  return { algorithm, values, weights };
}

async function server(algo = 'td3', task = 'Hopper-v3', onPose: (pose: TouchPose) => void = () => {}) {
  const physics = new PhysicsServer({
    makeEnv: makeMujocoEnv,
    loadKernels: async () => loadWasm({ threads: 1 }),
    onPose,
  });
  const loaded = (await physics.answer({ type: 'load', task })) as Answers['load'];
  const policy = fresh(algo, loaded);
  const { values, weights } = policy;
  const answer = await physics.answer({ type: 'policy', algo, seed: 3, values, weights });
  return { physics, loaded, ...policy, answer: answer as Answers['policy'] };
}

beforeAll(() => useBackend('wasm', { threads: 1 }));

describe('the page’s own world', () => {
  it.each([
    ['qvpo', 'Hopper-v3'],
    ['qvpo', 'Humanoid-v3'],
    ['srpo', 'antmaze-umaze-v2'],
    ['edp-td3', 'Walker2d-v2'],
    ['sac', 'HalfCheetah-v4'],
  ])(
    '%s on %s: 1,000 steps of the policy as the trainer evaluates it, bit for bit',
    async (algo, task) => {
      const { physics, algorithm, answer } = await server(algo, task);
      expect(answer.actors.length).toBe(algo === 'srpo' ? 3 : 1);
      const steps = 1000;
      const own = (await physics.answer({
        type: 'rollout',
        seed: 11,
        steps,
        actor: 0,
        through: true,
      })) as Answers['rollout'];
      const env = await makeVectorEnv(task, 1);
      const poses: (Float64Array | undefined)[] = [];
      const rewards: number[] = [];
      const watched = {
        spec: env.spec,
        numEnvs: 1,
        reset: (seed: number) => env.reset(seed),
        step: async (actions: Float32Array) => {
          const result = await env.step(actions);
          rewards.push(result.rewards[0]!);
          // After an episode's last step the trainer's world already stands at its next start.
          poses.push(result.episodes.length > 0 ? undefined : (await env.qpos!())[0]!);
          return result;
        },
      };
      const stopped = () => rewards.length >= steps;
      await evaluate(algorithm, watched as unknown as VectorEnv, { episodes: 1000, seed: 11, stopped });
      expect(rewards.length).toBe(steps);
      expect([...own.rewards]).toEqual(rewards);
      const nq = own.qpos.length / (steps + 1);
      poses.forEach((pose, i) => {
        if (pose) expect([...own.qpos.subarray((i + 1) * nq, (i + 2) * nq)]).toEqual([...pose]);
      });
      expect(poses.filter(pose => pose).length).toBeGreaterThan(steps / 2);
      await env.close();
      physics.close();
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
    const moment = (await physics.answer({ type: 'moment', qpos: env.qpos(), before })) as Answers['moment'];
    // Positions exactly, velocities as the mean over the step.
    for (let i = 0; i < 5; i++) expect(moment.observation[i]).toBeCloseTo(observation[i]!, 6);
    for (let i = 5; i < 11; i++) expect(Math.abs(moment.observation[i]! - observation[i]!)).toBeLessThan(0.6);
    env.close();
    physics.close();
  });

  it('values a state by what the critic thinks of the policy’s action there', async () => {
    const { physics, algorithm } = await server('srpo', 'antmaze-umaze-v2');
    const env = await makeMujocoEnv('antmaze-umaze-v2');
    env.reset(3);
    const [before, qpos] = [env.qpos(), env.step(new Float32Array(8).fill(0.3)) && env.qpos()];
    const { observation } = (await physics.answer({ type: 'moment', qpos, before })) as Answers['moment'];
    const s = tf.tensor2d(observation, [1, observation.length]);
    const { critic } = algorithm as Srpo;
    const action = algorithm.act(s, 'exploit', new StreamNoise(new Rng(0)));
    const expected = critic.targetCritic.minOfCandidates(s, action).dataSync()[0]!;
    expect(await physics.answer({ type: 'worth', qpos, before })).toBeCloseTo(expected, 5);
    expect(await physics.answer({ type: 'worth', qpos })).not.toBeCloseTo(expected, 5);
    env.close();
    physics.close();
  });

  it.each(['qvpo', 'sac', 'td3', 'iql', 'edp-iql', 'bc'])('of %s values a state if there is a critic', async algo => {
    const { physics, loaded } = await server(algo, 'Hopper-v3');
    expect(loaded.obsDim).toBe(11);
    const worth = await physics.answer({ type: 'worth', qpos: new Float64Array([0, 1.25, 0, 0, 0, 0]) });
    expect(Number.isFinite(worth)).toBe(algo !== 'bc');
    physics.close();
  });

  it('changes its course when it is pushed, and only then', async () => {
    const run = async (push: boolean) => {
      const poses: TouchPose[] = [];
      const { physics } = await server('td3', 'HalfCheetah-v3', pose => poses.push(pose));
      await physics.answer({ type: 'physics', physics: { gravity: 9.81, friction: 0.4, speed: 100 } });
      await physics.answer({ type: 'touch', on: true, actor: 0, seed: 2 });
      if (push)
        await physics.answer({
          type: 'push',
          push: { body: 1, point: [0, 0, 0.7], force: [200, 0, 0], torque: [0, 0, 0] },
        });
      while (poses.length < 30) await new Promise(resolve => setTimeout(resolve, 5));
      await physics.answer({ type: 'touch', on: false, actor: 0, seed: 0 });
      physics.close();
      return poses.slice(0, 30).map(pose => pose.qpos);
    };
    const [calm, again, pushed] = [await run(false), await run(false), await run(true)];
    expect(calm.map(qpos => [...qpos])).toEqual(again.map(qpos => [...qpos]));
    expect(pushed.at(-1)![0]! - calm.at(-1)![0]!).toBeGreaterThan(0.5);
  }, 30_000);

  it('shows teacher and student from one start, each with the time of its action', async () => {
    const poses: TouchPose[] = [];
    const { physics, answer } = await server('srpo', 'HalfCheetah-v3', pose => poses.push(pose));
    expect(answer.actors.map(({ kind }) => kind)).toEqual(['direct', 'diffusion', 'diffusion']);
    expect(answer).toMatchObject({ samples: true, score: true });
    await physics.answer({ type: 'touch', on: true, actor: 0, twin: 1, seed: 2 });
    while (poses.length < 5) await new Promise(resolve => setTimeout(resolve, 5));
    await physics.answer({ type: 'touch', on: false, actor: 0, seed: 0 });
    const first = poses[0]!;
    expect(first.twin!.microseconds).toBeGreaterThan(first.microseconds);
    // One step from the same start: near each other, moved by different actions.
    expect(Math.abs(first.twin!.qpos[0]! - first.qpos[0]!)).toBeLessThan(0.1);
    expect([...first.twin!.qpos]).not.toEqual([...first.qpos]);
    const timing = (await physics.answer({ type: 'timing' })) as Answers['timing'];
    expect(timing[1]!.microseconds).toBeGreaterThan(timing[0]!.microseconds);
    physics.close();
  });

  it('takes another checkpoint beside its own, and both act from the same start', async () => {
    const { physics, loaded, values } = await server('qvpo', 'HalfCheetah-v3');
    const { weights } = fresh('qvpo', loaded, 77);
    const other = { type: 'policy', algo: 'qvpo', seed: 3, values, weights, label: 'checkpoint 500' } as const;
    const { actors } = (await physics.answer(other)) as Answers['policy'];
    expect(actors.map(({ label }) => label)).toEqual(['QVPO, K = 4', 'checkpoint 500']);
    const roll = async (actor: number) =>
      (await physics.answer({ type: 'rollout', seed: 4, steps: 20, actor })) as Answers['rollout'];
    const [a, b] = [await roll(0), await roll(1)];
    expect([...a.qpos.subarray(0, 9)]).toEqual([...b.qpos.subarray(0, 9)]);
    expect([...a.qpos]).not.toEqual([...b.qpos]);
    // In pieces, with other questions between them, it is the same.
    const begin = (await physics.answer({ type: 'rollout', seed: 4, steps: 7, actor: 1 })) as Answers['rollout'];
    await physics.answer({ type: 'moment', qpos: a.qpos.slice(0, a.qpos.length / (a.rewards.length + 1)) });
    const rest = { type: 'rollout', seed: 4, steps: 13, actor: 1, on: true } as const;
    const end = (await physics.answer(rest)) as Answers['rollout'];
    expect([...begin.rewards, ...end.rewards]).toEqual([...b.rewards]);
    await physics.answer({ type: 'touch', on: true, actor: 0, seed: 1 });
    await expect(physics.answer(rest)).rejects.toThrow('no rollout to go on with');
    physics.close();
  });

  it('has a score field that points where the behaviour lies, and the gradient of its critic', async () => {
    const { physics, loaded } = await server('srpo', 'Hopper-v3');
    const observation = new Float32Array(loaded.obsDim).fill(0.2);
    const actions = Float32Array.from({ length: 4 * loaded.actDim }, (_, i) => Math.sin(i));
    const ask = { type: 'score', observation, actions, t: 0.3 } as const;
    const { score, action, own, gradient } = (await physics.answer(ask)) as Answers['score'];
    expect([score.length, action.length, own.length, gradient.length]).toEqual([12, 3, 3, 3]);
    const values = async (moved: Float32Array) =>
      ((await physics.answer({ type: 'values', observation, actions: moved })) as Float32Array)[0]!;
    // One small step along the gradient of the mean of the two critics rarely lowers their minimum.
    const uphill = action.map((x, i) => x + 0.02 * gradient[i]!);
    expect(await values(uphill)).toBeGreaterThan((await values(action)) - 1e-4);
    expect([...score, ...own, ...gradient].every(Number.isFinite)).toBe(true);
    physics.close();
  });

  it('looks ahead: a path for every action, from the place where the body is', async () => {
    const { physics, loaded } = await server();
    const env = await makeMujocoEnv('Hopper-v3');
    env.reset(1);
    const actions = new Float32Array(2 * loaded.actDim);
    actions.fill(1, loaded.actDim);
    const ask = { type: 'ahead', qpos: env.qpos(), actions, body: 4, seconds: 0.3 } as const;
    const { paths, steps } = (await physics.answer(ask)) as Answers['ahead'];
    expect(paths.length).toBe(2 * steps * 3);
    expect([...paths.subarray(0, 3)]).toEqual([...paths.subarray(steps * 3, steps * 3 + 3)]);
    const end = (k: number) => [...paths.subarray((k * steps + steps - 1) * 3, (k + 1) * steps * 3)];
    expect(end(0)).not.toEqual(end(1));
    env.close();
    physics.close();
  });
});
