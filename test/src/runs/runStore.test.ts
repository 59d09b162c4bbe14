import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReplayBuffer } from '../../../src/data/replayBuffer.ts';
import { collectHeader } from '../../../src/runs/header.ts';
import { type NewRunConfig, readConfig } from '../../../src/runs/runConfig.ts';
import { RunStore } from '../../../src/runs/runStore.ts';
import { stored } from '../../../src/runs/safetensors.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'runs-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const header = collectHeader({ config: { a: 1 }, seed: 0, threads: 1, backend: 'cpu' });
const config: NewRunConfig = {
  command: ['online', '--env', 'Toy-v0'],
  kind: 'online',
  algo: 'qvpo',
  task: 'Toy-v0',
  seed: 0,
  preset: 'fast',
  steps: 100,
  backend: 'cpu',
  values: { discount: 0.99 },
  sources: { discount: 'default' },
  options: {},
  environment: {},
  versions: {},
  machine: {},
  header,
};

const make = (directory?: string) => RunStore.create({ directory, root, config, now: new Date(2026, 10, 20) });

function transition(t: number) {
  return {
    world: 0,
    observation: Float32Array.of(t, -t),
    action: Float32Array.of(Math.sin(t)),
    reward: t / 3,
    terminated: t % 7 === 6,
    truncated: t % 5 === 4,
    nextObservation: Float32Array.of(t + 1, -t - 1),
  };
}

describe('RunStore', () => {
  it('is named after algorithm, task and day, and holds the configuration', async () => {
    const run = make();
    expect(run.directory).toMatch(/qvpo-toy-v0-1120-[a-z2-7]{4}$/);
    expect(readConfig(run.directory)).toMatchObject({ format: 1, algo: 'qvpo', header });
    await run.close();
  });

  it('refuses a place that is taken and leaves nothing behind', async () => {
    const place = join(root, 'mine');
    const run = make(place);
    expect(() => make(place)).toThrow(/exists and is in use: process/);
    await run.close();
    expect(() => make(place)).toThrow(/mine exists$/);
    mkdirSync(join(root, 'foreign'));
    writeFileSync(join(root, 'foreign', 'a'), '');
    expect(() => make(join(root, 'foreign'))).toThrow(/not a run directory/);
    expect(() => make(join(root, 'foreign', 'a'))).toThrow(/not a run directory/);
    expect(() => make(join(root, 'foreign', 'a', 'b'))).toThrow();
    expect(readdirSync(root).sort()).toEqual(['foreign', 'mine']);
  });

  it('restores tensors, state, replay, metrics and time from the last checkpoint', async () => {
    let clock = 0;
    const place = join(root, 'r');
    const run = RunStore.create({ directory: place, config, clock: () => clock });
    const replay = new ReplayBuffer({ capacity: 50, obsDim: 2, actDim: 1 });
    for (let step = 1; step <= 100; step++) {
      replay.add(transition(step));
      if (step % 10 === 0) run.logger.log(step, { 'critic/loss': step / 7 });
      if (step % 20 === 0) {
        clock += 1000;
        const tensors = new Map([['w', stored(Float32Array.of(step, -0), [1, 2])]]);
        const state = { step, best: Number.NEGATIVE_INFINITY, worlds: [Float64Array.of(step / 3)], text: 'a' };
        await run.save(step, { tensors, state, replay }, { best: step === 40 });
      }
      if (step === 90) break;
    }
    await run.close();
    expect(readdirSync(join(place, 'checkpoints')).sort()).toEqual(['40', '60', '80', 'best', 'last']);

    const again = await RunStore.open(place, { header, clock: () => clock });
    let other: ReplayBuffer | undefined;
    const restored = await again.restore(() => {
      other = new ReplayBuffer({ capacity: 50, obsDim: 2, actDim: 1 });
      return (start, columns) => other!.append(start, columns);
    });
    expect(restored).toMatchObject({ step: 80, damaged: [] });
    expect(restored!.tensors.get('w')).toEqual({ dtype: 'F32', shape: [1, 2], data: Float32Array.of(80, -0) });
    expect(restored!.state).toEqual({ step: 80, best: -Infinity, worlds: [Float64Array.of(80 / 3)], text: 'a' });
    expect(other!.total).toBe(80);
    expect(other!.read(30, 50)).toEqual(
      (() => {
        const whole = new ReplayBuffer({ capacity: 50, obsDim: 2, actDim: 1 });
        for (let step = 1; step <= 80; step++) whole.add(transition(step));
        return whole.read(30, 50);
      })(),
    );
    expect(again.seconds).toBe(4);
    const lines = readFileSync(join(place, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(lines.map(line => line.step)).toEqual([10, 20, 30, 40, 50, 60, 70, 80]);
    await again.close();
  });

  it('passes over a damaged checkpoint, says so, and goes on from the one before', async () => {
    const run = make(join(root, 'r'));
    for (const step of [1, 2])
      await run.save(step, { tensors: new Map([['w', stored(Float32Array.of(step))]]), state: {} });
    await run.close();
    writeFileSync(join(root, 'r', 'checkpoints', '2', 'model.safetensors'), 'x');
    const again = await RunStore.open(join(root, 'r'));
    const restored = await again.restore();
    expect(restored!.step).toBe(1);
    expect(restored!.damaged).toEqual([{ step: 2, reason: expect.stringContaining('model.safetensors has 1 bytes') }]);
    await again.close();
  });

  it('refuses what is no run, damaged, of another version or header', async () => {
    await expect(RunStore.open(join(root, 'none'))).rejects.toThrow(/no run/);
    const run = make(join(root, 'r'));
    await run.close();
    const open = (then: unknown) => {
      writeFileSync(join(root, 'r', 'config.json'), typeof then === 'string' ? then : JSON.stringify(then));
      return RunStore.open(join(root, 'r'), { header });
    };
    await expect(open('{"format": 1')).rejects.toThrow(/damaged/);
    await expect(open({})).rejects.toThrow(/not a run directory/);
    await expect(open({ ...config, format: 2 })).rejects.toThrow(/format 2, this version reads 1/);
    await expect(open({ ...config, format: 1, header: { ...header, node: 'v1' } })).rejects.toThrow(/node: v1 → v/);
    const accepted = await RunStore.open(join(root, 'r'), { header, acceptChanges: true });
    expect(readConfig(join(root, 'r')).changes).toEqual([
      { step: 0, differences: [`node: v1 → ${process.version}`], header },
    ]);
    await accepted.close();
    expect(existsSync(join(root, 'none'))).toBe(false);
  });
});
