import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../../../src/cli/main.ts';
import { ReplayBuffer } from '../../../../src/data/replayBuffer.ts';
import { Rng } from '../../../../src/random/rng.ts';
import { collectHeader } from '../../../../src/runs/header.ts';
import { RunStore } from '../../../../src/runs/runStore.ts';

let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'offline-cli-'));
  await collected(join(root, 'online'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A run directory with a replay of 60 transitions of the inverted pendulum's shape. */
async function collected(directory: string, task = 'InvertedPendulum-v4'): Promise<void> {
  const header = collectHeader({ config: {}, seed: 0, threads: 1, backend: 'cpu' });
  const store = RunStore.create({
    directory,
    config: {
      ...{ command: ['online'], kind: 'online', algo: 'sac', task, seed: 0, preset: 'fast' },
      ...{ steps: 60, backend: 'cpu', values: {}, sources: {}, options: {}, environment: {}, versions: {} },
      ...{ machine: {}, header },
    },
  });
  const rng = new Rng(0);
  const replay = new ReplayBuffer({ capacity: 60, obsDim: 4, actDim: 1 });
  for (let t = 0; t < 60; t++) {
    const draw = (size: number) => Float32Array.from({ length: size }, () => rng.uniform(-0.1, 0.1));
    const terminated = t % 20 === 19 || t === 30;
    const step = { world: 0, observation: draw(4), action: draw(1), reward: 1, terminated, truncated: false };
    replay.add({ ...step, nextObservation: draw(4) });
  }
  await store.save(60, { tensors: new Map(), state: {}, replay });
  await store.close();
}

let heard: (stderr: string) => void = () => {};

async function agent(...args: string[]) {
  const written = { stdout: '', stderr: '' };
  const into = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      written[name] += text;
      if (name === 'stderr') heard(written.stderr);
    },
  });
  const env = { AGENT_HOME: join(root, 'home'), NO_COLOR: '1' };
  const code = await main(args, { stdout: into('stdout'), stderr: into('stderr'), env });
  return { code, ...written };
}

const steps = ['--behavior-steps', '3', '--critic-steps', '3', '--policy-steps', '4'];
const small = ['--hidden', '8', '--blocks', '1', '--batch-size', '4', '--behavior-batch-size', '4', '--backend', 'cpu'];
const short = [...steps, ...small, '--eval-episodes', '1', '--dashboard', 'off'];
const train = (run: string, ...more: string[]) =>
  agent('offline', '--dataset', join(root, 'online'), '--run', join(root, run), ...short, ...more);

describe('agent offline', { timeout: 120_000 }, () => {
  it('trains all stages on the replay of a run, evaluates, and prints one document', async () => {
    const { code, stdout, stderr } = await train('whole', '--json');
    expect(code, stderr).toBe(0);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ algo: 'srpo', task: 'InvertedPendulum-v4', steps: 10, updates: 10, seed: 0 });
    expect(summary.eval.last).toMatchObject({ step: 10, episodes: 1 });
    expect(JSON.parse(readFileSync(join(root, 'whole', 'summary.json'), 'utf8')).eval).toEqual(summary.eval);
    expect(stderr).toMatch(/behavior +3 updates/);
    expect(stderr).toMatch(/stage 3: policy, 4 updates/);
  });

  it('without a world to evaluate in, serves the curves all the same', async () => {
    await collected(join(root, 'foreign'), 'MyOwnRobot-v0');
    let page: Promise<number> | undefined;
    heard = stderr => {
      const url = /^view (http:\S+)\/#token/m.exec(stderr)?.[1];
      if (url) page ??= fetch(url).then(({ status }) => status);
    };
    const call = [...short.slice(0, -1), '0', '--run', join(root, 'curves'), '--json'];
    const { code, stderr } = await agent('offline', '--dataset', join(root, 'foreign'), ...call);
    heard = () => {};
    expect(code, stderr).toBe(0);
    expect(await page, stderr).toBe(200);
    const { eval: scores } = JSON.parse(readFileSync(join(root, 'curves', 'summary.json'), 'utf8'));
    expect(scores).toEqual({}); // nothing was evaluated
  });

  it('takes over stages, and refuses those of another size without a trace', async () => {
    await train('source');
    const from = ['--behavior-from', join(root, 'source'), '--critic-from', join(root, 'source')];
    const taken = await train('taken', '--json', ...from);
    expect(taken.code, taken.stderr).toBe(0);
    expect(JSON.parse(taken.stdout).updates).toBe(4);
    expect(taken.stderr).toContain('--critic-steps 3 has no effect: the stage is taken from');
    const before = readdirSync(root);
    const refused = await agent(
      ...['offline', '--dataset', join(root, 'online'), '--run', join(root, 'wide'), ...short, ...from],
      ...['--policy-layers', '3', '--critic-layers', '3'],
    );
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('the critic stage cannot be taken from');
    expect(readdirSync(root)).toEqual(before);
  });

  it("gives more updates to the last stage of a finished run: IDQL's is the behaviour model", async () => {
    const run = join(root, 'idql');
    const sizes = [
      '--hidden',
      '8',
      '--batch-size',
      '4',
      '--backend',
      'cpu',
      '--eval-episodes',
      '1',
      '--dashboard',
      'off',
    ];
    const stages = ['--critic-steps', '3', '--behavior-steps', '4'];
    const first = await agent(
      'offline',
      '--algo',
      'idql',
      '--dataset',
      join(root, 'online'),
      '--run',
      run,
      ...stages,
      ...sizes,
    );
    expect(first.code, first.stderr).toBe(0);
    const longer = await agent('resume', run, '--steps', '6', '--dashboard', 'off');
    expect(longer.code, longer.stderr).toBe(0);
    const { steps, values } = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
    expect({ steps, ...values }).toMatchObject({ steps: 9, criticSteps: 3, behaviorSteps: 6 });
    expect(JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')).steps).toBe(9);
  });

  it.each([
    [['offline'], '--dataset ID|FILE|RUN is missing'],
    [['offline', '--dataset', 'hoper-medium'], 'no dataset "hoper-medium"'],
    [['offline', '--dataset', 'local/hopper-medium'], 'local/hopper-medium has not been made here'],
    [['offline', '--dataset', 'RUN', '--env', 'Hopper-v3'], 'Hopper-v3 has 11 observation and 3 action numbers'],
    [['offline', '--dataset', 'RUN', '--betta', '1'], 'no flag "--betta"'],
    [['offline', '--dataset', 'RUN', '--algo', 'qvpo'], 'qvpo trains online'],
    [['offline', '--dataset', 'RUN', '--algo', 'iql', '--behavior-from', 'RUN'], 'iql has no behavior stage'],
    [
      ['offline', '--dataset', 'RUN', ...steps.map(text => (/\d/.test(text) ? '0' : text))],
      'there is nothing to train',
    ],
  ])('%j exits 2 and leaves nothing', async (args, message) => {
    const before = readdirSync(root);
    const run = join(root, 'refused');
    const { code, stdout, stderr } = await agent(
      ...args.map(text => (text === 'RUN' ? join(root, 'online') : text)),
      ...['--run', run, '--backend', 'cpu'],
    );
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(readdirSync(root)).toEqual(before);
    expect(existsSync(run)).toBe(false);
  });
});
