import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Episode,
  forgetEpisodesAfter,
  listEpisodes,
  readEpisode,
  recordEpisode,
} from '../../../src/runs/episodes.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'episodes-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const episode = (step: number, change: Partial<Episode> = {}): Episode => ({
  step,
  kind: 'training',
  index: 0,
  episodeReturn: 0.1 + 0.2,
  terminated: true,
  qpos: Float64Array.of(1, 2, 3, 4, 5, Math.PI),
  actions: Float32Array.of(-1, 1),
  rewards: Float32Array.of(1, 0.5),
  ...change,
});

describe('recordEpisode', () => {
  it('brings back every number of the episode', async () => {
    const wanted = episode(7, { kind: 'evaluation', index: 3, terminated: false });
    const name = await recordEpisode(folder, wanted);
    expect(name).toBe('7-evaluation-3.safetensors');
    expect(await readEpisode(folder, name)).toEqual(wanted);
  });

  it('keeps a bounded number, the first and the newest among them, spread over the training', async () => {
    for (let step = 10; step <= 1000; step += 10) await recordEpisode(folder, episode(step), 12);
    const steps = (await listEpisodes(folder)).map(name => Number.parseInt(name, 10));
    expect(steps).toHaveLength(12);
    expect(steps[0]).toBe(10);
    expect(steps.at(-1)).toBe(1000);
    const gaps = steps.slice(1).map((step, i) => step - steps[i]!);
    expect(Math.max(...gaps)).toBeLessThan(300);
  });

  it('forgets what an abandoned future recorded', async () => {
    for (const step of [10, 20, 30]) await recordEpisode(folder, episode(step));
    await forgetEpisodesAfter(folder, 20);
    expect(await listEpisodes(folder)).toEqual(['10-training-0.safetensors', '20-training-0.safetensors']);
  });

  it('refuses an episode without steps and a file that is none', async () => {
    const empty = { rewards: new Float32Array(0), actions: new Float32Array(0) };
    await expect(recordEpisode(folder, episode(1, empty))).rejects.toThrow(/at least one step/);
    writeFileSync(join(folder, '1-training-0.safetensors'), 'no');
    await expect(readEpisode(folder, '1-training-0.safetensors')).rejects.toThrow(/safetensors/);
  });
});
