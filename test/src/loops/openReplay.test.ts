import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openReplay } from '../../../src/loops/openReplay.ts';
import { Rng } from '../../../src/random/rng.ts';
import { RunStore } from '../../../src/runs/runStore.ts';
import { tf } from '../../../src/tensor/tf.ts';
import { toyConfig } from '../../faults/toyConfig.ts';
import { ToyRun } from '../../faults/toyRun.ts';

let root: string;
let toy: ToyRun;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'open-replay-'));
  toy = ToyRun.create(join(root, 'run'));
  toy.train(350); // 300 are held
  await toy.save();
});
afterAll(async () => {
  await toy.run.close();
  rmSync(root, { recursive: true, force: true });
});

it('gives the transitions of the last checkpoint in order, while the run is still being written', async () => {
  const replay = await openReplay(join(root, 'run'));
  expect([replay.size, replay.total, replay.obsDim, replay.actDim]).toEqual([300, 350, 5, 1]);
  const { rewards, flags } = replay.read(50, 300);
  expect([...rewards]).toEqual(Array.from({ length: 300 }, (_, i) => i + 50));
  expect(flags[51 - 50]).toBe(1); // 51 = 3 · 17: terminated
  expect(flags[57 - 50]).toBe(2); // 57 = 3 · 19: truncated
});

it('can be sampled, a time limit ending the return or not', async () => {
  const ends = async (timeLimit: 'bootstrap' | 'terminal') => {
    const replay = await openReplay(join(root, 'run'), timeLimit);
    return tf.tidy(() => replay.sample(4000, new Rng(1)).terminated.sum().dataSync()[0]!);
  };
  const [terminated, all] = [await ends('bootstrap'), await ends('terminal')];
  expect(terminated / 4000).toBeCloseTo(1 / 17, 1);
  expect(all).toBeGreaterThan(terminated * 1.5);
});

it('says what is no online run, and what is damaged', async () => {
  const run = RunStore.create({ directory: join(root, 'offline'), config: { ...toyConfig, kind: 'offline' } });
  await run.save(1, { tensors: new Map(), state: {} });
  await run.close();
  await expect(openReplay(join(root, 'offline'))).rejects.toThrow(/has no replay: it is not an online run/);
  writeFileSync(join(root, 'run', 'replay', '50-350.safetensors'), 'x');
  await expect(openReplay(join(root, 'run'))).rejects.toThrow(/50-350.safetensors is damaged: it has 1 bytes/);
});
