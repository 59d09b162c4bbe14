import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeVectorEnv } from '../../envs/vector.ts';
import { algorithms } from '../../src/algorithms/catalog.ts';
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
});
