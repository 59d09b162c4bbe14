import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const serverFolder = join(root, 'bridge/server');
const worlds = fileURLToPath(new URL('./worlds', import.meta.url));

const PACKAGES = 'zmq, msgpack, numpy, gymnasium, mujoco, pytest';

/** A Python with the server's packages and Gymnasium: `AGENT_GYM_PYTHON`, that of .venv/, or `python3`, if it has them. */
function findPython(): string | undefined {
  const { AGENT_GYM_PYTHON } = process.env;
  const candidates = AGENT_GYM_PYTHON ? [AGENT_GYM_PYTHON] : [join(root, '.venv/bin/python'), 'python3'];
  return candidates.find(one => spawnSync(one, ['-c', `import ${PACKAGES}`]).status === 0);
}

const found = findPython();
if (process.env.AGENT_GYM_PYTHON && !found)
  throw new Error(`AGENT_GYM_PYTHON=${process.env.AGENT_GYM_PYTHON} cannot import ${PACKAGES}`);

/** For `beforeEach`: without such a Python a test of the bridge is skipped, and says why. */
export function needsPython({ skip }: TestContext): void {
  if (!found)
    skip(`no Python here has ${PACKAGES}: python3 -m venv .venv && .venv/bin/pip install './bridge/server[test]'`);
}

export function gymPython(): string {
  if (!found) throw new Error(`no Python has ${PACKAGES}`);
  return found;
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
