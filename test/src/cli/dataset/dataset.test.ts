import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANT_COLLECTION_GRIDS } from '../../../../envs/mujoco/antMazeGoals.ts';
import { cells } from '../../../../envs/mujoco/maze.ts';
import { benchLoad } from '../../../../src/cli/bench/benchLoad.ts';
import { main } from '../../../../src/cli/main.ts';
import { readD4rl } from '../../../../src/data/d4rl.ts';
import { antPlace } from '../../../../src/loops/mazeDrivers.ts';
import { openReplay } from '../../../../src/loops/openReplay.ts';
import { fixturesDir } from '../../../reference.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'agent-dataset-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Runs `agent dataset …` and returns what it said. */
async function agent(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const output = (key: 'out' | 'err') => ({
    write: (text: string) => {
      said[key] += text;
    },
  });
  const env = { AGENT_HOME: home, AGENT_DATASET_MIRROR: 'file:///nowhere/' };
  const code = await main(['dataset', ...words], { stdout: output('out'), stderr: output('err'), env });
  return { code, ...said };
}
const fixture = join(fixturesDir, 'datasets', 'float64.hdf5');

describe('agent dataset', () => {
  it('ls: everything, or what contains a word', async () => {
    expect((await agent('ls')).out).toMatch(/^antmaze-large-play-v2 +1,000,000 steps +220 MiB$/m);
    const { out } = await agent('ls', 'maze2d', '--json');
    const names = (JSON.parse(out) as { name: string }[]).map(({ name }) => name);
    expect(names).toContain('maze2d-umaze-v1');
    expect(names.every(name => name.includes('maze2d'))).toBe(true);
    expect(await agent('ls', 'atari')).toMatchObject({ code: 2, out: '' });
  });

  it('info: of a file what is in it, of an absent set what is known', async () => {
    const { out } = await agent('info', fixture, '--json');
    expect(JSON.parse(out)).toMatchObject({
      steps: 40,
      transitions: 37,
      obsDim: 11,
      actDim: 3,
      terminals: 3,
      timeouts: 2,
      episodes: 5,
    });
    const absent = await agent('info', 'antmaze-large');
    expect(absent).toMatchObject({ code: 0, err: 'antmaze-large means antmaze-large-play-v2\n' });
    expect(absent.out).toContain('not on this machine: agent dataset get antmaze-large-play-v2');
  });

  it('verify: says what is intact and what is not', async () => {
    expect(JSON.parse((await agent('verify', fixture, '--json')).out)).toMatchObject({ ok: true, rows: 40 });
    const hostile = join(fixturesDir, 'datasets', 'hostile', 'float16.hdf5');
    expect(await agent('verify', hostile)).toMatchObject({ code: 2, out: '' });
  });

  it('get: says where to put the file and that one can be made', async () => {
    const { code, out, err } = await agent('get', 'hopper-medium');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(`put the file at      ${join(home, 'datasets', 'hopper-medium-v2.hdf5')}`);
    expect(err).toContain('agent dataset make hopper-medium');
  });

  it('make: a collection under local/, once; its origin beside it', async () => {
    const made = await agent('make', 'hopper-random', '--steps', '300', '--seed', '3');
    expect(made).toMatchObject({ code: 0, out: 'local/hopper-random\n' });
    const folder = join(home, 'datasets', 'local');
    expect(readdirSync(folder).sort()).toEqual([
      'hopper-random.hdf5',
      'hopper-random.hdf5.json',
      'hopper-random.hdf5.sha256',
    ]);
    const origin = JSON.parse(readFileSync(join(folder, 'hopper-random.hdf5.json'), 'utf8'));
    expect(origin).toMatchObject({
      name: 'local/hopper-random',
      steps: 300,
      seed: 3,
      protocol: 'uniform actions',
      env: 'Hopper-v2',
    });
    expect((await agent('make', 'hopper-random', '--steps', '300', '--seed', '3')).code).toBe(0);
    expect((await agent('make', 'hopper-random', '--steps', '500', '--seed', '3')).err).toContain(
      'made with steps 300, not 500',
    );
    expect(JSON.parse((await agent('info', 'local/hopper-random', '--json')).out)).toMatchObject({
      steps: 300,
      env: 'Hopper-v2',
      name: 'local/hopper-random',
    });
  }, 60_000);

  it('make: the first steps of a run’s replay', async () => {
    const run = join(home, 'run');
    const sizes = [
      '--steps',
      '250',
      '--warmup-steps',
      '240',
      '--batch-size',
      '8',
      '--hidden',
      '8',
      '--eval-episodes',
      '1',
    ];
    const io = { stdout: { write: () => {} }, stderr: { write: () => {} }, env: { AGENT_HOME: home } };
    const words = ['online', '--algo', 'sac', '--env', 'Hopper-v4', ...sizes, '--dashboard', 'off', '--run', run];
    expect(await main([...words, '--quiet'], io)).toBe(0);
    const made = await agent('make', 'hopper-medium-replay', '--policy', run, '--steps', '120');
    expect(made).toMatchObject({ code: 0, out: 'local/hopper-medium-replay\n' });
    const steps = await readD4rl(join(home, 'datasets', 'local', 'hopper-medium-replay.hdf5'));
    expect(steps.rows).toBe(120);
    const buffer = await openReplay(run);
    expect(Array.from(steps.rewards)).toEqual(Array.from(buffer.read(0, 120).rewards));
  }, 120_000);

  it('make: a play set begins at the task’s start and at the goals', async () => {
    expect(await agent('make', 'antmaze-medium-play', '--steps', '6000')).toMatchObject({ code: 0 });
    const steps = await readD4rl(join(home, 'datasets', 'local', 'antmaze-medium-play.hdf5'));
    const grid = ANT_COLLECTION_GRIDS.medium;
    const marked = [...cells(grid, 'R'), ...cells(grid, 'G')].map(({ row, col }) => antPlace(grid, [row, col]));
    const begins = Array.from({ length: 6 }, (_, i) => steps.observations.subarray(29_000 * i, 29_000 * i + 2));
    for (const [x, y] of begins as unknown as [number, number][])
      expect(marked.some(([mx, my]) => Math.abs(x - mx - 0.5) < 1 && Math.abs(y - my - 0.5) < 1)).toBe(true);
    expect(new Set(begins.map(([x]) => Math.round(x! / 4))).size).toBeGreaterThan(1);
  }, 60_000);

  it('make: says what is missing', async () => {
    expect((await agent('make', 'walker2d-medium-expert')).err).toContain('agent dataset make walker2d-expert');
    expect((await agent('make', 'walker2d-medium-replay')).err).toContain('--policy names');
    expect((await agent('make', 'D4RL/antmaze/umaze-v1')).err).toContain('cannot be made here');
    expect((await agent('make', 'hopper-medium', '--policy', '/nowhere')).err).toContain('there is no policy /nowhere');
    expect(existsSync(join(home, 'datasets', 'local', 'hopper-medium.hdf5'))).toBe(false);
  });

  it('make: each task of the papers has its controllers', async () => {
    for (const task of ['hopper', 'halfcheetah', 'walker2d'])
      for (const level of ['medium', 'expert'])
        expect((await agent('make', `${task}-${level}`, '--steps', '40')).out).toBe(`local/${task}-${level}\n`);
  }, 60_000);

  it.each([
    [[], /ls, info, get, make or verify is missing/],
    [['fetch', 'x'], /does not know "fetch"/],
    [['get'], /the name is missing/],
    [['get', 'antmase-large'], /no dataset "antmase-large"/],
    [['get', 'local/x'], /published nowhere/],
    [['info', 'hopper-medium', '--seed', '1'], /--seed belongs to agent dataset make/],
    [['info', '/nowhere.hdf5'], /there is no file/],
    [['verify', 'a', 'b'], /takes one name, not also "b"/],
  ])('%j is refused with one message', async (words, message) => {
    const { code, out, err } = await agent(...words);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
  });
});

describe('agent bench load', () => {
  it('counts transitions, seconds and memory', async () => {
    const io = { stdout: { write: () => {} }, stderr: { write: () => {} }, env: { AGENT_HOME: home } };
    const result = await benchLoad(fixture, io);
    expect(result).toMatchObject({ transitions: 37, arrayBytes: 40 * (11 + 3 + 1) * 4 + 40 });
    expect(result.seconds).toBeGreaterThan(0);
    expect(result.peakRssBytes).toBeGreaterThan(2e7);
  });
});
