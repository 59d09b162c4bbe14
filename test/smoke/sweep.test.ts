import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runAgent, workFolder } from './agent.ts';

const cwd = workFolder();

it('runs tasks × algorithms × seeds, tells their scores, and keeps what is finished', async () => {
  writeFileSync(
    join(cwd, 'small.yaml'),
    [
      'tasks: [InvertedPendulum-v4]',
      'algos: [sac, td3]',
      'seeds: [0, 1]',
      'flags: { steps: 40, warmup-steps: 20, hidden: 8, batch-size: 8, eval-every: 40, eval-episodes: 1 }',
    ].join('\n'),
  );
  const first = await runAgent(['sweep', 'small.yaml', '--jobs', '2', '--json'], { cwd });
  expect(first.code, first.stderr).toBe(0);
  const rows = JSON.parse(first.stdout);
  expect(rows.map((row: { task: string; algo: string; seeds: number[] }) => [row.task, row.algo, row.seeds])).toEqual([
    ['InvertedPendulum-v4', 'sac', [0, 1]],
    ['InvertedPendulum-v4', 'td3', [0, 1]],
  ]);
  for (const { last, best } of rows) expect(best.mean).toBeGreaterThanOrEqual(last.mean);

  const summary = join(cwd, 'runs/sweep/small/sac-InvertedPendulum-v4/seed-1/summary.json');
  const written = statSync(summary).mtimeMs;
  const again = await runAgent(['sweep', 'small.yaml'], { cwd });
  expect(again.stdout).toMatch(/^task +algo +seeds +last +best +steps +a run\nInvertedPendulum-v4 +sac +2 /);
  expect(statSync(summary).mtimeMs).toBe(written);
}, 240_000);

it('offline: flags of one algorithm, and a table with times of updates and actions', async () => {
  const env = { AGENT_HOME: join(cwd, 'home') };
  const made = await runAgent(['dataset', 'make', 'maze2d-umaze', '--steps', '1200'], { cwd, env });
  expect(made.code, made.stderr).toBe(0);
  writeFileSync(
    join(cwd, 'offline.yaml'),
    [
      'command: offline',
      'tasks: { local/maze2d-umaze: { eval-episodes: 1 } }',
      'algos:',
      '  bc: { train-steps: 4 }',
      '  srpo: { behavior-steps: 3, critic-steps: 2, policy-steps: 1, reward-transform: none }',
      'flags: { hidden: 8, batch-size: 8, threads: 1 }',
    ].join('\n'),
  );
  const ended = await runAgent(['sweep', 'offline.yaml', '--out', 'tables', '--json'], { cwd, env });
  expect(ended.code, ended.stderr).toBe(0);
  const rows = JSON.parse(ended.stdout);
  expect(rows.map((row: { algo: string; steps: number }) => [row.algo, row.steps])).toEqual([
    ['bc', 4],
    ['srpo', 6],
  ]);
  for (const row of rows) {
    expect(row.trainingSeconds).toBeGreaterThan(0);
    expect(row.trainingSeconds).toBeLessThan(6);
    expect(row.actionSeconds).toBeGreaterThan(1e-6);
    expect(row.actionSeconds).toBeLessThan(0.1);
  }
  const table = readFileSync(join(cwd, 'tables/offline.md'), 'utf8').split('\n');
  expect(table[0]).toBe('| task | algo | seeds | last | best | steps | training | an action | a run |');
  expect(table.filter(line => line.startsWith('| local/maze2d-umaze | '))).toHaveLength(2);
  expect(table).toContain(
    'agent offline --dataset local/maze2d-umaze --algo bc --hidden 8 --batch-size 8 --threads 1 --eval-episodes 1 --train-steps 4 --seed 0',
  );
}, 240_000);

it('names what is wrong with a plan', async () => {
  writeFileSync(join(cwd, 'misspelt.yaml'), 'task: [Hopper-v4]\n');
  const ended = await runAgent(['sweep', 'misspelt.yaml'], { cwd });
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(/^agent: misspelt.yaml: /m);
  const missing = await runAgent(['sweep', 'none.yaml'], { cwd });
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain('none.yaml: ENOENT');
});
