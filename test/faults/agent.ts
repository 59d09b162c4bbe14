import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of the built package, so that a build meanwhile does not change the program under test. */
export function installAgent(): { main: string; remove: () => void } {
  if (!existsSync(join(root, 'dist/src/cli/main.js'))) throw new Error('dist/ is missing: npm run build');
  const folder = mkdtempSync(join(tmpdir(), 'agent-'));
  for (const name of ['dist', 'package.json', 'package-lock.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  for (const name of ['node_modules', 'envs', 'src']) symlinkSync(join(root, name), join(folder, name));
  return { main: join(folder, 'dist/src/cli/main.js'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** Milliseconds from the start of the process to its end. */
  readonly ms: number;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when stderr has shown `text` that many times (once), or the process has ended. */
  shown(text: string, times?: number): Promise<void>;
}

/** Starts `agent` with these arguments. */
export function agent(main: string, args: readonly string[]): Running {
  const started = performance.now();
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr!.on('data', (text: Buffer) => {
    stderr += text.toString();
  });
  const ended = new Promise<Ended>(resolve =>
    child.once('close', (code, signal) => resolve({ code, signal, stderr, ms: performance.now() - started })),
  );
  const shown = (text: string, times = 1) =>
    new Promise<void>(resolve => {
      const look = () => (stderr.split(text).length > times ? resolve() : undefined);
      child.stderr!.on('data', look);
      child.once('close', () => resolve());
      look();
    });
  return { process: child, ended, shown };
}

export const sleep = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));
