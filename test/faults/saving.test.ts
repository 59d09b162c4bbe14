import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultyDisk } from './faultyDisk.ts';
import { ToyRun, trials } from './toyRun.ts';

/** Every call that a save makes to the disk goes wrong once, in every way; then training is resumed and goes on. */
let root: string;
let start: string;
let count = 0;

/** Every call with all trials, otherwise every fourth. */
const STRIDE = trials(4, 1);
const TIMEOUT = 120_000;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'saving-'));
  start = join(root, 'start');
  const toy = ToyRun.create(start);
  for (const best of [false, true, false]) {
    toy.train(110);
    await toy.save(best);
  }
  await toy.run.close();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A copy of the run at step 330 (checkpoints 220, 330), resumed, trained on and saved on a disk with this fault. */
async function saveWith(fault?: { call: number; kind: string }, steps = 110) {
  const place = join(root, `copy-${count++}`);
  cpSync(start, place, { recursive: true, verbatimSymlinks: true });
  const first = await ToyRun.resume(place);
  await first.toy.run.close();
  const { disk, calls } = faultyDisk(fault);
  const { toy } = await ToyRun.resume(place, disk);
  const opening = calls.length;
  toy.train(steps);
  let error: Error | undefined;
  await toy.save(true).catch((caught: Error) => {
    error = caught;
  });
  await toy.run.close();
  return { place, calls, opening, error };
}

/** What every fault must leave: a run that resumes, and after the same save has the files of one that met none. */
async function expectWhole(place: string, least: number): Promise<number> {
  const { toy, damaged } = await ToyRun.resume(place);
  expect(damaged).toEqual([]);
  const { step } = toy;
  expect([330, 440]).toContain(step);
  expect(step).toBeGreaterThanOrEqual(least);
  toy.train(440 - step);
  await toy.save(true);
  toy.train(110);
  await toy.save();
  await toy.run.close();
  expect(readdirSync(join(place, 'checkpoints')).sort()).toEqual(['440', '550', 'best', 'last']);
  const steps = readFileSync(join(place, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line).step);
  expect(steps).toEqual(Array.from({ length: 55 }, (_, i) => (i + 1) * 10));
  const segments = readdirSync(join(place, 'replay'));
  expect(segments.every(name => /^\d+-\d+\.safetensors$/.test(name))).toBe(true);
  const last = await ToyRun.resume(place);
  expect(last.toy.step).toBe(550);
  await last.toy.run.close();
  rmSync(place, { recursive: true });
  return step;
}

describe('a save', () => {
  it('makes the calls in the order that is safe', async () => {
    const { calls, opening, place } = await saveWith();
    await expectWhole(place, 440);
    const order = calls.slice(opening).filter(call => ['fsync', 'rename', 'rm', 'symlink', 'mkdir'].includes(call));
    const written = ['rm', 'fsync', 'fsync']; // a segment of the replay and its directory
    const files = ['mkdir', 'fsync', 'fsync', 'fsync', 'fsync']; // three files and their directory
    const named = ['rename', 'fsync', 'symlink', 'rename', 'symlink', 'rename', 'fsync'];
    expect(order.slice(0, written.length + files.length + named.length)).toEqual([...written, ...files, ...named]);
    expect(order.slice(written.length + files.length + named.length).filter(call => call === 'fsync')).toEqual([]);
  });

  it(
    'rejects on any error of any call with the old state intact, and goes on once the disk works',
    async () => {
      const whole = await saveWith();
      rmSync(whole.place, { recursive: true });
      for (let call = whole.opening; call < whole.calls.length; call += STRIDE) {
        const kind = ['ENOSPC', 'EIO', 'EDQUOT', 'EMFILE'][Math.floor(call / STRIDE) % 4]!;
        const { error, place } = await saveWith({ call, kind });
        expect(error, `${whole.calls[call]} (call ${call}) failing with ${kind}`).toBeDefined();
        expect(error!.message).toMatch(/no space left|input\/output error|quota is used up|too many open files/);
        await expectWhole(place, 330);
      }
    },
    TIMEOUT,
  );

  it.each(['kill', 'killAfter'])(
    '%s while a checkpoint is replaced by one of the same step loses neither',
    async kind => {
      const whole = await saveWith(undefined, 0);
      rmSync(whole.place, { recursive: true });
      for (let call = whole.opening; call < whole.calls.length; call += STRIDE)
        await expectWhole((await saveWith({ call, kind }, 0)).place, 330);
    },
    TIMEOUT,
  );

  it.each(['kill', 'killAfter'])(
    '%s at any call leaves the new checkpoint or the one before',
    async kind => {
      const whole = await saveWith();
      rmSync(whole.place, { recursive: true });
      const seen = new Set<number>();
      for (let call = whole.opening; call < whole.calls.length; call += STRIDE) {
        const { place, error } = await saveWith({ call, kind });
        expect(error?.name).toBe('Killed');
        seen.add(await expectWhole(place, 330));
      }
      expect([...seen].sort()).toEqual([330, 440]);
    },
    TIMEOUT,
  );

  it('writes on after short writes', async () => {
    const { place, error } = await saveWith({ call: 0, kind: 'short' });
    expect(error).toBeUndefined();
    await expectWhole(place, 440);
  });

  it(
    'dies at any call of opening a run without harm',
    async () => {
      const whole = await saveWith();
      rmSync(whole.place, { recursive: true });
      for (let call = 0; call < whole.opening; call += STRIDE) {
        await expect(saveWith({ call, kind: 'kill' })).rejects.toThrow('the process is dead');
        await expectWhole(join(root, `copy-${count - 1}`), 330);
      }
    },
    TIMEOUT,
  );
});
