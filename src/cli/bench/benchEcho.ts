import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Dealer } from 'zeromq';
import { encode } from '../../../bridge/protocol.ts';
import { AgentError } from '../../errors.ts';
import { packageRoot } from '../packageRoot.ts';

interface Started {
  readonly address: string;
  stop(): void;
}

/** A server of a world in which nothing happens, on this machine. */
export function idleSimulator(): Promise<Started> {
  return startPython(address => [
    '-m',
    'agent_gym_server.main',
    '--env',
    'agent_gym_server.idle:Idle',
    '--bind',
    address,
  ]);
}

/** Answers take microseconds: this is for a server that died. */
const RECEIVE_TIMEOUT_MS = 10_000;

/** A bare ZeroMQ server in Python (echo.py), and a bare socket to it. */
export class Echo {
  readonly #started: Started;
  readonly #socket = new Dealer({ linger: 0, receiveTimeout: RECEIVE_TIMEOUT_MS });

  private constructor(started: Started) {
    this.#started = started;
    this.#socket.connect(started.address);
  }

  static async start(): Promise<Echo> {
    return new Echo(await startPython(address => ['-m', 'agent_gym_server.echo', address]));
  }

  /** From now on every message is answered with `parts`. */
  async answerWith(parts: readonly Buffer[]): Promise<void> {
    await this.#socket.send(['answer', ...parts]);
    await this.receive();
  }

  send(parts: Buffer[]): Promise<void> {
    return this.#socket.send(parts);
  }

  async receive(): Promise<Buffer[]> {
    try {
      return await this.#socket.receive();
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EAGAIN') throw cause;
      throw new AgentError(`the echo gave no answer within ${RECEIVE_TIMEOUT_MS / 1000} s`, [], 1, { cause });
    }
  }

  stop(): void {
    this.#socket.close();
    this.#started.stop();
  }
}

/** `AGENT_GYM_PYTHON` or `python3`, running a module of bridge/server; resolves when it listens. */
async function startPython(argsFor: (address: string) => string[]): Promise<Started> {
  const python = process.env.AGENT_GYM_PYTHON ?? 'python3';
  const address = `tcp://127.0.0.1:${await freePort()}`;
  const env = { ...process.env, PYTHONPATH: join(packageRoot(), 'bridge/server'), PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn(python, argsFor(address), { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  await new Promise<void>((resolve, reject) => {
    const failed = (error: unknown) =>
      reject(
        new AgentError(`${python} cannot serve: ${whatFailed(text) ?? error}`, [
          ['another Python', 'AGENT_GYM_PYTHON=…/bin/python'],
          ['its packages', "pip install './bridge/server[gym]'"],
        ]),
      );
    child.once('error', failed).once('close', failed);
    child.stderr.on('data', chunk => {
      text += chunk;
      if (text.includes(' at tcp')) resolve();
    });
  });
  return { address, stop: () => void child.kill() };
}

/** The line of Python's messages that says what failed: the first, or the last of a traceback. */
function whatFailed(text: string): string | undefined {
  const lines = text.trim().split('\n');
  return (lines[0]!.startsWith('Traceback') ? lines.at(-1) : lines[0]) || undefined;
}

const floats = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });

/** Bytes of a step of `n` worlds. */
export function stepMessage(n: number, { actDim }: { readonly actDim: number }): Buffer[] {
  const arrays = { actions: floats(n, actDim), seeds: { shape: [n], data: new BigInt64Array(n) } };
  return encode({ type: 'step', id: 1000, fields: { session: '0'.repeat(32), k: 1000 }, arrays });
}

/** Bytes of its reply. */
export function stepReply(n: number, { obsDim }: { readonly obsDim: number }): Buffer[] {
  const ends = { shape: [n], data: new Uint8Array(n) };
  const arrays = {
    next_observations: floats(n, obsDim),
    rewards: { shape: [n], data: new Float64Array(n) },
    terminated: ends,
    truncated: ends,
  };
  return encode({ type: 'step', id: 1000, fields: {}, arrays });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
