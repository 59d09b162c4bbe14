import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeVectorEnv } from '../../envs/vector.ts';
import { algorithms } from '../../src/algorithms/catalog.ts';
import { srpo } from '../../src/algorithms/srpo.ts';
import { useBackend } from '../../src/backend/register.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import { startViewer, type Viewer } from '../../src/dashboard/server.ts';
import type { VectorEnv } from '../../src/env/env.ts';
import { evaluate } from '../../src/loops/evaluate.ts';
import { storeVariables } from '../../src/loops/variables.ts';
import { Rng } from '../../src/random/rng.ts';
import { encodeSafetensors } from '../../src/runs/safetensors.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { built, hasChromium, openBrowser } from './browser.ts';

const STEPS = 1000;
const SEED = 11;

/** Rewards of the first steps of an evaluation, as the trainer runs it, and the poses before each reset. */
async function evaluated(algorithm: Parameters<typeof evaluate>[0], task: string) {
  const env = await makeVectorEnv(task, 1);
  const rewards: number[] = [];
  const poses: (number[] | undefined)[] = [];
  const watched = {
    spec: env.spec,
    numEnvs: 1,
    reset: (seed: number) => env.reset(seed),
    step: async (actions: Float32Array) => {
      const result = await env.step(actions);
      rewards.push(result.rewards[0]!);
      poses.push(result.episodes.length > 0 ? undefined : [...(await env.qpos!())[0]!]);
      return result;
    },
  } as unknown as VectorEnv;
  await evaluate(algorithm, watched, { episodes: STEPS, seed: SEED, stopped: () => rewards.length >= STEPS });
  await env.close();
  return { rewards, poses };
}

describe.skipIf(!hasChromium || !built)('the policy in the page', { timeout: 240_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'viewer-policy-'));
  let viewer: Viewer;
  let browser: Awaited<ReturnType<typeof openBrowser>>;

  beforeAll(async () => {
    viewer = await startViewer({
      roots: [home],
      host: '127.0.0.1',
      port: 0,
      tokens: { view: 'v'.repeat(43), control: 'c'.repeat(43) },
      assets: fileURLToPath(new URL('../../dist/dashboard/', import.meta.url)),
    });
    browser = await openBrowser();
    await browser.page.goto(viewer.url);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await viewer?.close();
    rmSync(home, { recursive: true });
  });

  it.each([
    ['qvpo', 'Humanoid-v3'],
    ['srpo', 'antmaze-umaze-v2'],
  ])('%s on %s: 1,000 steps in Chromium are those of the trainer, bit for bit', async (algo, task) => {
    await useBackend('wasm', { threads: 1 });
    const definition = algorithms.get(algo)!;
    const { values } = resolve(definition.hyperparameters, [{ source: 'test', values: { hidden: 64 } }]);
    const model = await makeVectorEnv(task, 1);
    const sizes = { obsDim: model.spec.observationSpace.low.length, actDim: model.spec.actionSpace.low.length };
    await model.close();
    const algorithm = definition.create(sizes, values as never, new StreamNoise(new Rng(5).split('weights')));
    const weights = Buffer.concat(encodeSafetensors(storeVariables(algorithm.variables))).toString('base64');
    const trainer = await evaluated(algorithm, task);
    const request = { algo, task, weights, values, steps: STEPS, seed: SEED };
    const page = await browser.page.evaluate(async ({ algo, task, weights, values, steps, seed }) => {
      const worker = new Worker('physics.worker.js', { type: 'module' });
      const ask = <T>(request: object) =>
        new Promise<T>((resolve, reject) => {
          worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.answer));
          worker.postMessage({ id: 0, request });
        });
      const bytes = Uint8Array.from(atob(weights), c => c.charCodeAt(0));
      await ask({ type: 'load', task });
      await ask({ type: 'policy', algo, seed: 3, values, weights: bytes });
      const rollout = { type: 'rollout', seed, steps, actor: 0, through: true };
      const { qpos, rewards } = await ask<{ qpos: Float64Array; rewards: Float64Array }>(rollout);
      worker.terminate();
      return { qpos: [...qpos], rewards: [...rewards] };
    }, request);
    expect(page.rewards).toEqual(trainer.rewards);
    const nq = page.qpos.length / (STEPS + 1);
    trainer.poses.forEach((pose, i) => {
      if (pose) expect(page.qpos.slice((i + 1) * nq, (i + 2) * nq)).toEqual(pose);
    });
    expect(browser.problems).toEqual([]);
  });

  it.each(['Humanoid-v3', 'antmaze-umaze-v2'])(
    'a push in %s changes the trajectory, and nothing else does',
    async task => {
      await useBackend('wasm', { threads: 1 });
      const { values } = resolve(srpo.hyperparameters, [{ source: 'test', values: { hidden: 16, blocks: 1 } }]);
      const model = await makeVectorEnv(task, 1);
      const sizes = { obsDim: model.spec.observationSpace.low.length, actDim: model.spec.actionSpace.low.length };
      await model.close();
      const algorithm = srpo.create(sizes, values, new StreamNoise(new Rng(5).split('weights')));
      const weights = Buffer.concat(encodeSafetensors(storeVariables(algorithm.variables))).toString('base64');
      const [plain, twin, pushed] = await browser.page.evaluate(
        async ({ task, weights, values }) => {
          const worker = new Worker('physics.worker.js', { type: 'module' });
          const bytes = Uint8Array.from(atob(weights), c => c.charCodeAt(0));
          const poses: number[][] = [];
          let heard: (data: { error?: string }) => void = () => {};
          let walked = () => {};
          let push = false;
          const ask = (request: object) =>
            new Promise<void>((resolve, reject) => {
              heard = ({ error }) => (error ? reject(new Error(error)) : resolve());
              worker.postMessage({ id: 0, request });
            });
          worker.onmessage = ({ data }) => {
            if (!('pose' in data)) return heard(data);
            if (data.pose.episode > 0 || poses.length >= 12) return walked();
            poses.push([...data.pose.qpos]);
            const force = [200, 100, 0];
            if (push && poses.length === 4)
              worker.postMessage({
                id: 1,
                request: { type: 'push', push: { body: 1, point: [0, 0, 1], force, torque: [0, 0, 0] } },
              });
          };
          await ask({ type: 'load', task });
          await ask({ type: 'policy', algo: 'srpo', seed: 3, values, weights: bytes });
          const runs: number[][][] = [];
          for (const pushing of [false, false, true]) {
            push = pushing;
            poses.length = 0;
            const done = new Promise<void>(resolve => {
              walked = resolve;
            });
            await ask({ type: 'touch', on: true, actor: 0, seed: 5 });
            await done;
            await ask({ type: 'touch', on: false, actor: 0, seed: 5 });
            runs.push([...poses]);
          }
          worker.terminate();
          return runs;
        },
        { task, weights, values: values as Record<string, unknown> },
      );
      expect(plain).toHaveLength(12);
      expect(twin).toEqual(plain); // bit for bit
      expect(pushed!.slice(0, 4)).toEqual(plain!.slice(0, 4));
      expect(pushed!.at(-1)).not.toEqual(plain!.at(-1));
      expect(browser.problems).toEqual([]);
    },
  );
});
