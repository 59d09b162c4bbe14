import { expect, it } from 'vitest';
import { textOf } from '../../../../src/cli/terminal/lines.ts';
import { summaryLines } from '../../../../src/cli/terminal/summary.ts';

it('ends a run with the text of the design', () => {
  const lines = summaryLines({
    task: 'Humanoid-v3',
    algo: 'qvpo',
    preset: 'fast',
    seed: 0,
    steps: 1_000_000,
    unit: 'steps',
    seconds: 15 * 3600 + 4 * 60,
    run: 'runs/qvpo-humanoid-v3-1120-k7q2',
    last: { return: 5212, returnStd: 41, episodes: 10 },
    best: { return: 5284, returnStd: 33, episodes: 10, step: 940_000 },
    published: [5306.6, 'QVPO, best, 5 seeds'],
  });
  expect(lines.map(textOf).join('\n')).toBe(
    `
✓ Humanoid-v3 qvpo fast seed 0   1,000,000 steps in 15 h 04 min

                return    std   episodes   at step     published
  last         5,212     41         10   1,000,000
  best         5,284     33         10     940,000   5,307 QVPO, best, 5 seeds

  watch     agent view runs/qvpo-humanoid-v3-1120-k7q2
  evaluate  agent eval runs/qvpo-humanoid-v3-1120-k7q2 --episodes 100
  distil    agent offline --dataset runs/qvpo-humanoid-v3-1120-k7q2
  share     agent export runs/qvpo-humanoid-v3-1120-k7q2 --format html`.slice(1),
  );
});

it('says what a run without a policy is good for', () => {
  const common = { task: 'hopper-medium-v2', algo: 'srpo', preset: 'fast', seed: 0, steps: 9, seconds: 5 } as const;
  const lines = summaryLines({ ...common, unit: 'updates', run: 'runs/a', stages: ['behavior', 'critic'] });
  expect(lines.map(textOf).slice(2)).toEqual([
    '  watch     agent view runs/a',
    '  reuse     agent offline --behavior-from runs/a …',
    '  reuse     agent offline --critic-from runs/a …',
  ]);
});
