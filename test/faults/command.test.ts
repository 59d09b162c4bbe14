import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rng } from '../../src/random/rng.ts';
import { readCheckpoint } from '../../src/runs/readRun.ts';
import { agent, type Ended, installAgent, sleep } from './agent.ts';
import { fingerprint } from './tinyTraining.ts';
import { trials } from './toyRun.ts';

/** The command as people run it: a process of its own, killed and signalled from outside. */
let root: string;
let program: ReturnType<typeof installAgent>;
let wanted: Awaited<ReturnType<typeof fingerprint>>;
let whole: Ended;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'command-'));
  program = installAgent();
  whole = await online(join(root, 'whole')).ended;
  expect(whole.stderr + whole.code).toMatch(/0$/);
  wanted = await fingerprint(join(root, 'whole'));
}, 120_000);
afterAll(() => {
  program.remove();
  rmSync(root, { recursive: true, force: true });
});

// biome-ignore format: one flag and its value a line would hide the command
const TINY = [
  '--env', 'InvertedPendulum-v4', '--algo', 'qvpo', '--hidden', '16', '--batch-size', '16', '--steps', '300',
  '--diffusion-steps', '4', '--candidates', '4', '--evaluation-candidates', '2', '--replay-capacity', '300',
  '--warmup-steps', '50', '--eval-every', '100', '--eval-episodes', '2', '--checkpoint-every', '20', '--dashboard', 'off',
];
const online = (run: string) => agent(program.main, ['online', ...TINY, '--run', run]);
const resume = (run: string) => agent(program.main, ['resume', run, '--dashboard', 'off']);
/** A run whose process died before it had made its directory starts anew. */
const goOn = (run: string) => (existsSync(run) ? resume(run) : online(run));

describe('agent online', () => {
  it('killed -9 at random moments and resumed = never interrupted, bit for bit', async () => {
    const rng = new Rng(4);
    let kills = 0;
    for (let trial = 0; kills < trials(2, 200); trial++) {
      const run = join(root, `killed-${trial}`);
      for (let life = 0; ; life++) {
        const running = goOn(run);
        if (rng.integer(6) > 0) await running.shown('step=', 1 + rng.integer(60)); // a run shows about 100 of these
        await Promise.race([running.ended, sleep(rng.uniform(0, 100))]);
        running.process.kill('SIGKILL');
        const { code, signal, stderr } = await running.ended;
        if (signal === 'SIGKILL') kills++;
        if (existsSync(join(run, 'summary.json'))) break;
        if (signal !== 'SIGKILL') {
          throw new Error(`exit ${code}: ${stderr}`);
        }
        expect(life).toBeLessThan(100);
      }
      expect(await fingerprint(run)).toEqual(wanted);
      expect(existsSync(join(run, 'summary.json'))).toBe(true);
      rmSync(run, { recursive: true });
    }
  }, 3_600_000);

  it('saves and leaves with 130 within 5 s of SIGINT or SIGTERM, and continues as if never interrupted', async () => {
    const rng = new Rng(5);
    for (let trial = 0; trial < trials(2, 100); trial++) {
      const run = join(root, `signalled-${trial}`);
      const running = online(run);
      await running.shown('step=', 1 + rng.integer(60));
      const asked = performance.now();
      running.process.kill(trial % 2 === 0 ? 'SIGINT' : 'SIGTERM');
      const { code, stderr } = await running.ended;
      if (code !== 0) {
        expect(performance.now() - asked).toBeLessThan(5000);
        expect(code, stderr).toBe(130);
        const [, step] = /interrupted at step (\d+)/.exec(stderr)!;
        expect((await readCheckpoint(run, 'last')).step).toBe(Number(step));
        expect(stderr).toContain(`agent resume ${run}`);
        expect((await resume(run).ended).code).toBe(0);
      }
      expect(await fingerprint(run)).toEqual(wanted);
      rmSync(run, { recursive: true });
    }
  }, 3_600_000);

  it('leaves at once at the second signal, and nothing is lost but the steps since the last checkpoint', async () => {
    const rng = new Rng(6);
    for (let trial = 0; trial < trials(1, 20); trial++) {
      const run = join(root, `twice-${trial}`);
      const running = online(run);
      await running.shown('step=', 1 + rng.integer(60));
      running.process.kill('SIGINT');
      await sleep(rng.integer(20));
      const second = performance.now();
      running.process.kill('SIGINT');
      const { code, stderr } = await running.ended;
      expect(performance.now() - second).toBeLessThan(2500); // ending a process takes its time on a busy machine
      if (code !== 0) {
        expect(code, stderr).toBe(130);
        expect((await resume(run).ended).code).toBe(0);
      }
      expect(await fingerprint(run)).toEqual(wanted);
      rmSync(run, { recursive: true });
    }
  }, 3_600_000);

  it('resumed by two processes goes on in one of them; the other says who has it and exits 1', async () => {
    const run = join(root, 'shared');
    const first = online(run);
    await first.shown('step=');
    first.process.kill('SIGINT');
    await first.ended;
    const both = [resume(run), resume(run)];
    const ended = await Promise.all(both.map(({ ended }) => ended));
    const winner = ended.findIndex(({ code }) => code === 0);
    const other = ended[1 - winner]!;
    expect([ended[winner]?.code, other.code], ended.map(({ stderr }) => stderr).join()).toEqual([0, 1]);
    expect(other.stderr).toContain(`this run is in use: process ${both[winner]!.process.pid} on this machine, since `);
    expect(await fingerprint(run)).toEqual(wanted);
  }, 120_000);

  it('refuses a directory that exists with exit code 2 and leaves it alone', async () => {
    const { code, stderr } = await online(join(root, 'whole')).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`the run ${join(root, 'whole')} exists`);
    expect(await fingerprint(join(root, 'whole'))).toEqual(wanted);
  }, 60_000);
});
