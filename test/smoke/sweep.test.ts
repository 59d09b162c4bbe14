import { statSync, writeFileSync } from 'node:fs';
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

it('names what is wrong with a plan', async () => {
  writeFileSync(join(cwd, 'misspelt.yaml'), 'task: [Hopper-v4]\n');
  const ended = await runAgent(['sweep', 'misspelt.yaml'], { cwd });
  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(/^agent: misspelt.yaml: /m);
  const missing = await runAgent(['sweep', 'none.yaml'], { cwd });
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain('none.yaml: ENOENT');
});
