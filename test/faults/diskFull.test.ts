import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ToyRun, trials } from './toyRun.ts';

/** A real, small disk needs the right to mount; without it the injected errors of saving.test.ts have to do. */
const mountable = canMount();

function canMount(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place], { stdio: 'ignore' });
    execFileSync('umount', [place]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(place, { recursive: true });
  }
}

const PAGE = 4096;
let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'full-'));
  if (mountable) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', place]);
});
afterAll(() => {
  if (mountable) execFileSync('umount', [place]);
  rmSync(place, { recursive: true });
});

const resize = (bytes: number) => execFileSync('mount', ['-o', `remount,size=${bytes}`, place]);
const used = () => {
  const [, line] = execFileSync('df', ['-B1', '--output=used', place]).toString().split('\n');
  return Number(line);
};

/** Trains to step 660 with a save every 110 and the disk given; the step of the last save that succeeded, and the error. */
async function trainOn(run: string): Promise<{ saved: number; error?: Error; toy?: ToyRun }> {
  let saved = 0;
  let toy: ToyRun | undefined;
  try {
    toy = (await ToyRun.resume(run)).toy;
    saved = toy.step;
    while (toy.step < 660) {
      toy.train(110);
      await toy.save(toy.step === 220);
      saved = toy.step;
    }
    return { saved };
  } catch (error) {
    return { saved, error: error as Error };
  } finally {
    await toy?.run.close();
  }
}

describe.skipIf(!mountable)('a full disk', () => {
  it('stops training with a clear message, and it goes on exactly where it was once there is space', async () => {
    const run = join(place, 'run');
    await ToyRun.create(run).run.close();
    const least = used();
    expect((await trainOn(run)).error).toBeUndefined();
    const most = used() + 120 * 1024; // a save needs room for the new beside the old
    rmSync(run, { recursive: true });
    const sizes = trials(5, 50);
    const stops = new Set<number>();
    for (let i = 0; i < sizes; i++) {
      resize(64 * 2 ** 20);
      await ToyRun.create(run).run.close();
      resize(least + Math.round(((most - least) * i) / sizes / PAGE) * PAGE);
      const first = await trainOn(run);
      stops.add(first.saved);
      if (first.error) expect(first.error.message).toMatch(/no space left on the disk \(ENOSPC in /);
      const again = await trainOn(run); // still full: nothing gets worse
      expect(again.saved === 0 || again.saved >= first.saved).toBe(true);
      resize(64 * 2 ** 20);
      const { toy, damaged } = await ToyRun.resume(run);
      expect(damaged).toEqual([]);
      expect(toy.step).toBeGreaterThanOrEqual(first.saved);
      await toy.run.close();
      expect(await trainOn(run)).toEqual({ saved: 660 });
      expect(readdirSync(join(run, 'checkpoints')).sort()).toEqual(['220', '550', '660', 'best', 'last']);
      const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
      expect(lines.map(line => JSON.parse(line).step)).toEqual(Array.from({ length: 66 }, (_, n) => (n + 1) * 10));
      rmSync(run, { recursive: true });
    }
    expect(stops.size).toBeGreaterThan(2);
  }, 120_000);

  it('leaves no part of a run directory that could not be made', async () => {
    for (let free = 0; free < 8; free++) {
      resize(used() + free * PAGE || PAGE);
      try {
        await ToyRun.create(join(place, 'runs', 'new')).run.close();
        expect(free).toBeGreaterThan(0);
        rmSync(join(place, 'runs'), { recursive: true });
      } catch (error) {
        expect((error as Error).message).toMatch(/could not be .*no space left/);
        expect(readdirSync(place)).toEqual([]);
      }
    }
  });
});
