import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from './bundle.ts';
import { ToyRun, trials } from './toyRun.ts';

const RACERS = 3;
let root: string;
let program: ReturnType<typeof bundle>;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'one-writer-'));
  program = bundle('takeRun.ts');
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
  program.remove();
});

interface Racer {
  readonly process: ChildProcess;
  readonly says: Promise<string>;
}

/** A process that tries to take the run at `moment`. */
function race(run: string, moment: number, mode = 'take'): Racer {
  const child = spawn(process.execPath, [program.path, run, String(moment), mode], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const says = new Promise<string>(resolve => child.stdout!.once('data', (text: Buffer) => resolve(text.toString())));
  return { process: child, says };
}

const ended = (child: ChildProcess) =>
  new Promise<void>(resolve =>
    child.exitCode !== null || child.signalCode !== null ? resolve() : child.once('exit', () => resolve()),
  );

describe('two processes and one run directory', () => {
  it('has one winner of every race, also for the place of a dead process', async () => {
    const run = join(root, 'run');
    await ToyRun.create(run).run.close();
    let dead: number | undefined;
    for (let trial = 0; trial < trials(8, 100); trial++) {
      const racers = Array.from({ length: RACERS }, () => race(run, Date.now() + 250));
      const says = await Promise.all(racers.map(racer => racer.says));
      const winners = racers.filter((_, i) => says[i]!.startsWith('won'));
      expect(winners, says.join('')).toHaveLength(1);
      const [winner] = winners;
      expect(says.find(text => text.startsWith('won'))).toBe(dead ? `won from ${dead}\n` : 'won\n');
      for (const text of says.filter(text => !text.startsWith('won')))
        expect(text).toContain(`this run is in use: process ${winner!.process.pid} on this machine, since `);
      if (trial % 2 === 0) winner!.process.kill('SIGKILL');
      else winner!.process.stdin!.write('let go\n');
      dead = trial % 2 === 0 ? winner!.process.pid : undefined;
      for (const racer of racers) await ended(racer.process);
    }
  }, 300_000);

  it('has one winner of every creation, and the losers leave nothing behind', async () => {
    for (let trial = 0; trial < trials(3, 50); trial++) {
      const place = join(root, 'new', `run-${trial}`);
      const racers = Array.from({ length: RACERS }, () => race(place, Date.now() + 250, 'create'));
      const says = await Promise.all(racers.map(racer => racer.says));
      const winners = racers.filter((_, i) => says[i] === 'won\n');
      expect(winners, says.join('')).toHaveLength(1);
      expect(says.filter(text => text.startsWith(`lost: the run ${place} exists`))).toHaveLength(RACERS - 1);
      winners[0]!.process.stdin!.write('let go\n');
      for (const racer of racers) await ended(racer.process);
      expect(readdirSync(join(root, 'new'))).toHaveLength(trial + 1);
      const { toy } = await ToyRun.resume(place);
      expect(toy.step).toBe(0);
      await toy.run.close();
    }
  }, 300_000);
});
