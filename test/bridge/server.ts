import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const serverFolder = fileURLToPath(new URL('../../bridge/server', import.meta.url));
const worlds = fileURLToPath(new URL('./worlds', import.meta.url));

/**
 * A Python with the server's packages: `AGENT_GYM_PYTHON`, or an environment made once in the folder for temporary files
 * (needs python3-venv and a package index).
 */
export function gymPython(): string {
  const given = process.env.AGENT_GYM_PYTHON;
  if (given) return given;
  const folder = join(tmpdir(), 'agent-gym-python');
  const [lock, ready, python] = [`${folder}.lock`, join(folder, 'ready'), join(folder, 'bin/python')];
  for (const until = Date.now() + 300_000; !existsSync(ready); ) {
    try {
      mkdirSync(lock);
    } catch {
      if (Date.now() > until) throw new Error(`${lock} is held for 5 minutes: remove it, or set AGENT_GYM_PYTHON`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
      continue;
    }
    try {
      execFileSync('python3', ['-m', 'venv', folder], { stdio: 'pipe' });
      execFileSync(python, ['-m', 'pip', 'install', '-q', `${serverFolder}[test]`], { stdio: 'pipe' });
      writeFileSync(ready, '');
    } finally {
      rmSync(lock, { recursive: true });
    }
  }
  return python;
}

export interface Served {
  readonly address: string;
  readonly process: ChildProcess;
  /** What it printed so far. */
  printed(): string;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts `agent-gym-server` from the sources, and resolves once it listens. `env` may be one of worlds/. */
export async function serve(env: string, address?: string, args: readonly string[] = []): Promise<Served> {
  const bind = address ?? `tcp://127.0.0.1:${await freePort()}`;
  const child = runServer(['--env', env, '--bind', bind, ...args]);
  let text = '';
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stderr!.on('data', chunk => {
      text += chunk;
      if (text.includes(' at ')) resolve();
    });
    void ended.then(() => reject(new Error(`agent-gym-server ended: ${text}`)));
  });
  return {
    address: bind,
    process: child,
    printed: () => text,
    kill: (signal = 'SIGKILL') => {
      child.kill(signal);
      return ended;
    },
  };
}

export function runServer(args: readonly string[], pythonArgs: readonly string[] = []): ChildProcess {
  return spawn(gymPython(), [...pythonArgs, '-m', 'agent_gym_server.main', ...args], {
    cwd: worlds,
    env: { ...process.env, PYTHONPATH: serverFolder, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
