import type { Command } from './command.ts';

/** A command before it is loaded: `agent --help` reads this table and imports nothing. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ readonly command: Command }>;
}

export const commands: readonly CommandEntry[] = [
  { name: 'online', summary: 'train in a simulator, by default with QVPO', load: () => import('./train/online.ts') },
  { name: 'offline', summary: 'train from a dataset, by default with SRPO', load: () => import('./train/offline.ts') },
  { name: 'resume', summary: 'continue a run exactly where it stands', load: () => import('./train/resume.ts') },
  { name: 'eval', summary: 'average the return of a trained policy', load: () => import('./eval/eval.ts') },
  { name: 'view', summary: 'watch running or finished runs in the browser', load: () => import('./view/view.ts') },
  { name: 'export', summary: 'the policy, ready to deploy', load: () => import('./export/export.ts') },
  { name: 'env', summary: 'the tasks: list, layout, conformance check', load: () => import('./env/env.ts') },
  { name: 'dataset', summary: 'collections: list, download, make, check', load: () => import('./dataset/dataset.ts') },
  {
    name: 'reproduce',
    summary: 'make a published result again: tasks × seeds',
    load: () => import('./reproduce/reproduce.ts'),
  },
  { name: 'sweep', summary: 'many runs: tasks × algorithms × seeds', load: () => import('./reproduce/sweep.ts') },
  { name: 'bridge', summary: 'keys for simulators on other machines', load: () => import('./bridge.ts') },
  {
    name: 'bench',
    summary: 'measurements: kernels, act, update, env, bridge, load',
    load: () => import('./bench/bench.ts'),
  },
  {
    name: 'doctor',
    summary: 'what this machine offers, and what is missing',
    load: () => import('./doctor/doctor.ts'),
  },
  { name: 'toy', summary: 'the two-dimensional experiments, as figures', load: () => import('./toy/toy.ts') },
];
