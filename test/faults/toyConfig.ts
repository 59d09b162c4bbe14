import type { RunHeader } from '../../src/runs/header.ts';
import type { NewRunConfig } from '../../src/runs/runConfig.ts';

const header: RunHeader = {
  source: '',
  config: '',
  seed: 0,
  node: process.version,
  engine: '',
  lockfile: '',
  cpu: '',
  threads: 1,
  backend: 'cpu',
  precision: 'float32',
};

/** `config.json` of a run that is never trained by a command. */
export const toyConfig: NewRunConfig = {
  command: ['online', '--env', 'Toy-v0'],
  kind: 'online',
  algo: 'qvpo',
  task: 'Toy-v0',
  seed: 0,
  preset: 'fast',
  steps: 100,
  backend: 'cpu',
  values: {},
  sources: {},
  options: {},
  environment: {},
  versions: {},
  machine: {},
  header,
};
