import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Holder, RunLock } from '../../../src/runs/lock.ts';

let run: string;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), 'lock-'));
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

/** Puts a holder into the run as if it had taken it. */
function plant(change: Partial<Holder>): void {
  const lock = RunLock.acquire(run);
  const path = join(run, '.lock', '1');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }));
  expect(lock.recoveredFrom).toBeUndefined();
}

describe('RunLock', () => {
  it('is had by one at a time, and again after a release', () => {
    const lock = RunLock.acquire(run, new Date(2026, 10, 20, 9, 18));
    expect(() => RunLock.acquire(run)).toThrow(
      `this run is in use: process ${process.pid} on this machine, since 09:18`,
    );
    expect(RunLock.holder(run)).toMatchObject({ pid: process.pid, host: hostname() });
    lock.release();
    expect(RunLock.holder(run)).toBeUndefined();
    const second = RunLock.acquire(run);
    expect(second.recoveredFrom).toBeUndefined();
    expect(() => RunLock.acquire(run)).toThrow(/in use/);
    expect(readdirSync(join(run, '.lock')).sort()).toEqual(['1.released', '2']);
  });

  it.each([
    ['a process that ended', () => ({ pid: spawnSync('true').pid })],
    ['a process id that was used again', () => ({ started: '1' })],
    ['a machine that was started again', () => ({ boot: 'another' })],
  ])('is taken over from %s, which is named', (_what, change) => {
    plant(change());
    expect(RunLock.holder(run)).toBeUndefined();
    expect(RunLock.acquire(run).recoveredFrom).toMatchObject({ host: hostname() });
    expect(() => RunLock.acquire(run)).toThrow(/in use/);
  });

  it('is taken from a process that cannot be seen from here once it has not shown itself for a while', async () => {
    plant({ host: 'elsewhere', pid: 1, started: '0' });
    expect(() => RunLock.acquire(run)).toThrow(/process 1 on elsewhere/);
    const waited: Holder[] = [];
    await RunLock.forgetUnseen(run, { patienceMs: 1500, onWait: holder => waited.push(holder) });
    expect(waited).toMatchObject([{ host: 'elsewhere' }]);
    const lock = RunLock.acquire(run);
    lock.check();
    lock.release();
  });

  it('is left to a process that shows itself', async () => {
    plant({ host: 'elsewhere', pid: 1, started: '0' });
    const beat = setTimeout(() => utimesSync(join(run, '.lock', '1'), new Date(0), new Date(0)), 500);
    await expect(RunLock.forgetUnseen(run, { patienceMs: 30_000 })).rejects.toThrow(/in use: process 1 on elsewhere/);
    clearTimeout(beat);
    expect(() => RunLock.acquire(run)).toThrow(/process 1 on elsewhere/);
  });

  it('tells a process that was given up that it no longer has the run', () => {
    const lock = RunLock.acquire(run);
    const file = join(run, '.lock', '1');
    renameSync(file, `${file}.released`); // as `forgetUnseen` of another machine does
    const other = RunLock.acquire(run);
    expect(() => lock.check()).toThrow(`taken over by process ${process.pid}`);
    lock.release();
    other.check();
    other.release();
  });

  it('says which file is damaged', () => {
    mkdirSync(join(run, '.lock'));
    writeFileSync(join(run, '.lock', '1'), '{"pi');
    expect(() => RunLock.acquire(run)).toThrow(/\.lock\/1 is damaged/);
    expect(RunLock.holder(join(run, 'none'))).toBeUndefined();
  });
});
