import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeVectorEnv } from '../../envs/vector.ts';
import { watch } from '../../src/cli/view/watching.ts';
import { type Dashboard, startDashboard } from '../../src/dashboard/child.ts';
import { bytesOf } from '../../src/dashboard/protocol.ts';
import type { VectorEnv } from '../../src/env/env.ts';
import { RunStore } from '../../src/runs/runStore.ts';
import { toyConfig } from './toyConfig.ts';
import { trials } from './toyRun.ts';

const VIEWERS = trials(100, 1000);
const FRAMES = 200;
const home = mkdtempSync(join(tmpdir(), 'many-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/**
 * Opens sockets that watch a run; half of them never read. Prints `open` when they are, then counts frames until it is ended.
 * A line on stdin is the run they watch from then on; `-` for none.
 */
const CLIENTS = `
import { WebSocket } from 'ws';
import { Packr } from 'msgpackr';
const [url, run, count] = process.argv.slice(1);
const { host, hash } = new URL(url);
const packr = new Packr({ useRecords: false });
let frames = 0;
const sockets = [];
process.stdin.on('data', data => {
  const run = String(data).trim();
  for (const socket of sockets) socket.send(packr.pack({ type: 'watch', run: run === '-' ? null : run }));
});
const open = i => new Promise((resolve, reject) => {
  const socket = new WebSocket('ws://' + host + '/ws', { headers: { Authorization: 'Bearer ' + hash.slice(7) }, perMessageDeflate: false });
  socket.on('open', () => {
    socket.send(packr.pack({ type: 'watch', run }));
    sockets.push(socket);
    if (i % 2) socket.pause();
    resolve(undefined);
  });
  socket.on('message', () => frames++);
  socket.on('error', reject);
});
for (let i = 0; i < Number(count); i += 25) await Promise.all(Array.from({ length: 25 }, (_, k) => open(i + k)));
console.log('open');
process.on('SIGTERM', () => { console.log('frames ' + frames); process.exit(0); });
`;

function line(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout!.on('data', chunk => {
      text += chunk;
      const match = pattern.exec(text);
      if (match) resolve(match[1] ?? match[0]);
    });
    child.once('exit', () => setTimeout(() => reject(new Error(`the clients ended: ${text}`)), 500));
  });
}

/** Bytes this process has written so far, whatever to. */
const written = () => Number(/wchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1]);

/** Bytes that this process, the stand-in for the trainer, writes while it hands out a frame of 16 worlds 20 times a second. */
async function publishing(dashboard: Dashboard): Promise<number> {
  const worlds = Array.from({ length: 16 }, (_, world) => ({
    world,
    episode: 0,
    t: 0,
    qpos: bytesOf(new Float64Array(24).fill(world)),
    reward: 1,
  }));
  const before = written();
  for (let step = 0; step < FRAMES; step++) {
    dashboard.publish({ step, seconds: step, worlds });
    do await new Promise(resolve => setTimeout(resolve, 50));
    while (!dashboard.idle); // every frame leaves, none is replaced by the next
  }
  return written() - before;
}

/** CPU microseconds of this process for a step of a simulation that is watched, over about `ms`. */
async function stepping(env: VectorEnv, ms: number): Promise<number> {
  const actions = new Float32Array(6);
  const [end, cpu] = [performance.now() + ms, process.cpuUsage()];
  let steps = 0;
  while (performance.now() < end) {
    for (let i = 0; i < 6; i++) actions[i] = Math.sin(0.1 * steps + i);
    await env.step(actions);
    if (++steps % 10 === 0) await new Promise(resolve => setImmediate(resolve)); // an update would let frames leave
  }
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / steps;
}

/** What is left when the machine had nothing else to do: disturbances only add. */
const lowerQuartile = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 4)]!;

describe(`${VIEWERS} viewers, half of which never read`, () => {
  // Its bar is a share of a processor that nothing else disturbs: for the nightly tier.
  it.skipIf(VIEWERS < 1000)(
    'take at most 1 % of the steps of a CPU second',
    async () => {
      process.env.AGENT_HOME = home;
      const store = RunStore.create({
        directory: join(home, 'stepping'),
        config: { ...toyConfig, task: 'HalfCheetah-v4' },
      });
      const worlds = await makeVectorEnv('HalfCheetah-v4', 1);
      const watching = await watch(store, { env: worlds, evaluationEnv: worlds }, { address: '0' });
      const url = watching.dashboard!.url;
      const clients = spawn(
        process.execPath,
        ['--input-type=module', '-e', CLIENTS, url, 'stepping', String(VIEWERS)],
        {
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      );
      try {
        await watching.env.reset(0);
        await line(clients, /open/);
        await stepping(watching.env, 2000); // compiled
        const alone: number[] = [];
        const watched: number[] = [];
        for (let pair = 0; pair < 35; pair++)
          for (const [run, into] of [['-', alone] as const, ['stepping', watched] as const]) {
            clients.stdin!.write(`${run}\n`);
            await stepping(watching.env, 150); // what is under way arrives
            into.push(await stepping(watching.env, 350));
          }
        const [least, more] = [lowerQuartile(alone), lowerQuartile(watched)];
        const said = `CPU of a step: ${least.toFixed(2)} us watched by none, ${more.toFixed(2)} by ${VIEWERS}: ${(more / least).toFixed(4)} x`;
        console.log(said);
        expect(more / least, said).toBeLessThan(1.01);
      } finally {
        clients.kill('SIGKILL');
        await watching.close();
        await worlds.close();
        await store.close();
      }
    },
    120_000,
  );

  it('give the trainer no more to do than none, and the server a bounded memory', async () => {
    const run = join(home, 'run');
    mkdirSync(run);
    writeFileSync(join(run, 'config.json'), JSON.stringify({ format: 1, algo: 'qvpo', task: 'Hopper-v3', seed: 3 }));
    writeFileSync(join(run, 'metrics.jsonl'), '{"step":1,"seconds":1,"critic/q":2}\n'.repeat(50));
    process.env.AGENT_HOME = home;
    const dashboard = await startDashboard({ runDir: run, address: '0', control: false });
    const clients = spawn(
      process.execPath,
      ['--input-type=module', '-e', CLIENTS, dashboard.url, 'run', String(VIEWERS)],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    try {
      const alone = await publishing(dashboard);
      await line(clients, /open/);
      const crowded = await publishing(dashboard);
      const status = readFileSync(`/proc/${dashboard.pid}/status`, 'utf8');
      const peak = Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024;
      console.log(
        `${alone} bytes alone, ${crowded} with ${VIEWERS}; the server's memory ${peak.toFixed(0)} MB at most`,
      );
      clients.kill('SIGTERM');
      const frames = Number(await line(clients, /frames (\d+)/));
      expect(frames).toBeGreaterThan(VIEWERS); // those who read were served
      // What it sends is the same, however many watch: sent to each by itself it would be many times as much. A tenth is left to
      // the runner of the tests, which writes from this process too (10 kB of 784 were seen).
      const said = `${alone} bytes alone, ${crowded} with ${VIEWERS}`;
      expect(alone, said).toBeGreaterThan(FRAMES * 16 * 24 * 8);
      expect(crowded, said).toBeLessThan(alone * 1.1);
      expect(peak).toBeLessThan(150);
    } finally {
      clients.kill('SIGKILL');
      await dashboard.close();
    }
  }, 120_000);
});
