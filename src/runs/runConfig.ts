import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { AgentError, nearest, UsageError } from '../errors.ts';
import { randomName } from './durable.ts';
import type { RunHeader } from './header.ts';

/** Changes when a run directory of one version cannot be continued by the next. */
export const RUN_FORMAT = 1;

/** What a new run puts into `config.json`. */
export interface NewRunConfig {
  /** The command as typed, after `agent`. */
  readonly command: readonly string[];
  /** `toy`: the two-dimensional experiments, which leave figures and no policy. */
  readonly kind: 'online' | 'offline' | 'toy';
  readonly algo: string;
  readonly task: string;
  readonly seed: number;
  readonly preset: string;
  readonly steps: number;
  readonly backend: string;
  /** In what sampling computes: `float32` (also where it is absent) or `bf16`; `sources.precision` says why. */
  readonly precision?: 'float32' | 'bf16';
  /** Resolved hyperparameters, and where each came from. */
  readonly values: Readonly<Record<string, number | boolean | string>>;
  readonly sources: Readonly<Record<string, string>>;
  /** Settings of the loop: warm-up, evaluation, checkpoints, number of worlds. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What the environment's version stands for: observation layout, reward terms, time limit. */
  readonly environment: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, unknown>>;
  readonly header: RunHeader;
}

/** `config.json`. */
export interface RunConfig extends NewRunConfig {
  readonly format: number;
  /** Resumes under another header, which were asked for. */
  readonly changes?: readonly HeaderChange[];
}

export interface HeaderChange {
  readonly step: number;
  readonly differences: readonly string[];
  readonly header: RunHeader;
}

/** `qvpo-humanoid-v3-1120-k7q2`: algorithm, task, month and day, four random characters. */
export function runName(algo: string, task: string, now: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const plain = task.toLowerCase().replace(/[^a-z0-9.]+/g, '-');
  return `${algo}-${plain}-${two(now.getMonth() + 1)}${two(now.getDate())}-${randomName(4)}`;
}

/** Reads and checks `config.json` of a run with a policy, without taking it: for evaluation and export. Throws `UsageError`. */
export function readConfig(directory: string): RunConfig {
  if (!existsSync(directory)) throw noSuchRun(directory);
  const path = join(directory, 'config.json');
  if (!statSync(directory).isDirectory() || !existsSync(path))
    throw new UsageError(`${directory} is not a run directory: it has no config.json`);
  let config: RunConfig;
  try {
    config = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new AgentError(`${path} is damaged: ${(error as Error).message}`);
  }
  if (typeof config !== 'object' || config === null || typeof config.format !== 'number')
    throw new UsageError(`${directory} is not a run directory: its config.json has no format`);
  if (config.format !== RUN_FORMAT)
    throw new UsageError(`${directory} has format ${config.format}, this version reads ${RUN_FORMAT}`);
  if (config.kind === 'toy')
    throw new UsageError(`${directory} holds the figures of agent toy, no policy`, [
      ['look at them', `agent view ${directory}`],
    ]);
  const missing = ['algo', 'task', 'seed', 'values', 'header'].filter(key => !(key in config));
  if (missing.length > 0) throw new AgentError(`${path} is damaged: it has no ${missing.join(', ')}`);
  return config;
}

function noSuchRun(directory: string): UsageError {
  const parent = dirname(resolve(directory));
  const runs = existsSync(parent)
    ? readdirSync(parent).filter(name => existsSync(join(parent, name, 'config.json')))
    : [];
  const close = nearest(basename(directory), runs).map(name => join(dirname(directory), name));
  return new UsageError(`no run "${directory}"`, close.length > 0 ? [['did you mean', close.join('  ')]] : []);
}

export function otherHeader(directory: string, differences: readonly string[]): UsageError {
  return new UsageError(
    `${directory} was trained under other conditions, its numbers would change: ${differences.join('; ')}`,
    [['continue all the same', `agent resume ${directory} --accept-changes`]],
  );
}
