import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { makeEnv } from '../../../envs/registry.ts';
import type { Env } from '../../env/env.ts';
import { AgentError } from '../../errors.ts';

/** What one more world costs, beside steps. */
export interface StartUp {
  /** From the start of a fresh process until its first world stands at its first observation; median of three. */
  readonly readySeconds: number;
  /** Resident memory of each further world of a process, all it grew by included. */
  readonly memoryBytesPerEnv: number;
}

/** Worlds among which the growth of a process is shared out. */
const WORLDS = 64;

/** Measures in fresh processes, whose entry is this module. */
export async function measureStartUp(id: string): Promise<StartUp> {
  const seconds: number[] = [];
  let memoryBytesPerEnv = 0;
  for (let run = 0; run < 3; run++) {
    const child = await startOnce(id);
    seconds.push(child.readySeconds);
    memoryBytesPerEnv = child.memoryBytesPerEnv;
  }
  return { readySeconds: seconds.toSorted((a, b) => a - b)[1]!, memoryBytesPerEnv };
}

function startOnce(id: string): Promise<StartUp> {
  const compiled = import.meta.url.endsWith('.ts')
    ? '../../../dist/src/cli/bench/benchEnvStart.js'
    : './benchEnvStart.js';
  const begun = performance.now();
  const child = spawn(process.execPath, [fileURLToPath(new URL(compiled, import.meta.url)), id], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let readySeconds = 0;
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
    if (readySeconds === 0 && text.includes('\n')) readySeconds = (performance.now() - begun) / 1000;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => {
      if (code !== 0) reject(new AgentError(`a fresh process with ${id} ended with code ${code}`));
      else resolve({ readySeconds, memoryBytesPerEnv: Number(text.split('\n')[1]) });
    });
  });
}

/** The fresh process: says when its first world is ready, then how much memory each further one took. */
async function main(id: string): Promise<void> {
  const worlds: Env[] = [await started(id)];
  process.stdout.write('ready\n');
  const before = process.memoryUsage.rss();
  for (let i = 0; i < WORLDS; i++) {
    const world = await started(id);
    for (let t = 0; t < 10; t++) world.step(new Float32Array(world.spec.actionSpace.low.length));
    worlds.push(world);
  }
  process.stdout.write(`${Math.round((process.memoryUsage.rss() - before) / WORLDS)}\n`);
  for (const world of worlds) world.close();
}

async function started(id: string): Promise<Env> {
  const env = await makeEnv(id);
  env.reset(0);
  return env;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2]!);
