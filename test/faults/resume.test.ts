import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bf16Ways } from '../../src/backend/native/load.ts';
import { useBackend } from '../../src/backend/register.ts';
import { Rng } from '../../src/random/rng.ts';
import { tf } from '../../src/tensor/tf.ts';
import { faultyDisk } from './faultyDisk.ts';
import { fingerprint, type TinyTraining, tinyTraining } from './tinyTraining.ts';
import { trials } from './toyRun.ts';

/** Training dies at random places, between steps and within saves, is resumed, and must equal the one that never died. */
let root: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  root = mkdtempSync(join(tmpdir(), 'resume-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

class Killed extends Error {
  override readonly name = 'Killed';
}

/** One life: dies after some steps of the worlds, or at some call to the disk. True if it lived to the end. */
async function live(options: TinyTraining & { numEnvs: number }, resume: boolean, rng: Rng): Promise<boolean> {
  let left = 1 + rng.integer(Math.floor(70 / options.numEnvs));
  const inSave = rng.integer(3) === 0;
  const fault = { call: rng.integer(120), kind: rng.integer(2) === 0 ? 'kill' : 'killAfter' };
  const watcher = {
    stepped: () => {
      if (!inSave && --left < 0) throw new Killed();
    },
  };
  try {
    await tinyTraining({ ...options, watcher, disk: faultyDisk(inSave ? fault : undefined).disk }, resume);
    return true;
  } catch (error) {
    if ((error as Error).name !== 'Killed') throw error;
    return false;
  }
}

describe.each([
  ...[
    { algo: 'qvpo', numEnvs: 1 },
    { algo: 'td3', numEnvs: 3 },
    { algo: 'qvpo', numEnvs: 2 },
    { algo: 'sac', numEnvs: 1 },
  ].slice(0, trials(2, 4)),
  ...bf16Ways().map(bf16By => ({ algo: 'qvpo', numEnvs: 2, bf16By })),
])(
  '$algo with $numEnvs worlds $bf16By',
  ({ bf16By, ...options }: { algo: string; numEnvs: number; bf16By?: string }) => {
    beforeAll(() => useBackend(bf16By ? 'native' : 'cpu', bf16By ? { precision: 'bf16', bf16By, threads: 2 } : {}));
    afterAll(() => useBackend('cpu'));

    it('killed again and again and resumed = never interrupted, bit for bit', async () => {
      const kind = `${options.algo}-${options.numEnvs}-${bf16By}`;
      const whole = join(root, `whole-${kind}`);
      await tinyTraining({ ...options, directory: whole }, false);
      const wanted = await fingerprint(whole);
      expect(wanted.metrics).toMatch(/"eval\/return"/);
      expect(wanted.metrics).toMatch(/"critic\/loss"/);
      const rng = new Rng(options.numEnvs).split(options.algo);
      let deaths = 0;
      for (let trial = 0; trial < trials(1, 12); trial++) {
        const directory = join(root, `killed-${kind}-${trial}`);
        for (let life = 0; !(await live({ ...options, directory }, life > 0, rng)); life++) {
          deaths++;
          expect(life).toBeLessThan(60);
        }
        expect(await fingerprint(directory)).toEqual(wanted);
      }
      expect(deaths).toBeGreaterThan(1);
    }, 600_000);
  },
);

it('stopped by request in the middle, also of an evaluation, and resumed = never interrupted', async () => {
  const whole = join(root, 'stop-whole');
  await tinyTraining({ directory: whole }, false);
  const wanted = await fingerprint(whole);
  for (const asked of [55, 90, 1, 37, 151].slice(0, trials(2, 5))) {
    const directory = join(root, `stop-${asked}`);
    let questions = 0;
    const first = await tinyTraining({ directory, stopRequested: () => ++questions >= asked }, false);
    expect(first.finished).toBe(false);
    expect(first.step).toBeLessThan(160);
    const second = await tinyTraining({ directory }, true);
    expect(second).toMatchObject({ finished: true, step: 160 });
    expect(await fingerprint(directory)).toEqual(wanted);
  }
}, 120_000);

it('logs wall time that goes on where it stopped', async () => {
  const directory = join(root, 'time');
  let steps = 0;
  await tinyTraining({ directory, stopRequested: () => ++steps > 50 }, false);
  await tinyTraining({ directory }, true);
  const lines = readFileSync(join(directory, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const seconds = lines.map(line => JSON.parse(line).seconds as number);
  expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
}, 60_000);
