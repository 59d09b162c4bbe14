import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const built = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once stderr matches. Rejects if the process ends before. */
  says(pattern: RegExp): Promise<void>;
}

interface Options {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The built command line; this checkout's unless given. */
  readonly main?: string;
}

/** Starts the built command line as a user would, without a terminal. */
export function startAgent(args: readonly string[], options: Options = {}): Running {
  const { cwd = tmpdir(), env = {}, main = built } = options;
  if (!existsSync(main)) throw new Error('dist is missing: npm run build');
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let heard = () => {};
  child.stdout.on('data', chunk => {
    stdout += chunk;
  });
  child.stderr.on('data', chunk => {
    stderr += chunk;
    heard();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => resolve({ code, stdout, stderr }));
  });
  const says = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      heard = () => {
        if (pattern.test(stderr)) resolve();
      };
      heard();
      void ended.then(() => reject(new Error(`ended before it said ${pattern}: ${stderr}`)));
    });
  return { child, ended, says };
}

/** Runs a command to its end. */
export function runAgent(args: readonly string[], options?: Options): Promise<Ended> {
  return startAgent(args, options).ended;
}

/** A folder of its own for the tests of a file, removed when they are done. */
export function workFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'agent-smoke-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A run of seconds: the real algorithm with small networks and few steps. */
export const tiny = [
  ...['--env', 'InvertedPendulum-v4', '--steps', '120', '--warmup-steps', '60', '--eval-every', '60'],
  ...[
    '--dashboard',
    'off',
    '--eval-episodes',
    '2',
    '--candidates',
    '4',
    '--diffusion-steps',
    '3',
    '--hidden',
    '16',
    '--batch-size',
    '16',
  ],
];
