import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rng } from '../../src/random/rng.ts';
import { loadCheckpoint } from '../../src/runs/checkpoint.ts';
import { ToyRun, trials } from './toyRun.ts';

/** Checkpoints and replay of a run at steps 220 and 330 are damaged in one place; resuming must notice and use step 220. */
let root: string;
let run: string;
let whole: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'bit-rot-'));
  [run, whole] = [join(root, 'run'), join(root, 'whole')];
  const toy = ToyRun.create(run);
  for (let i = 0; i < 3; i++) {
    toy.train(110);
    await toy.save();
  }
  await toy.run.close();
  cpSync(run, whole, { recursive: true, verbatimSymlinks: true });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const restoreFile = (path: string) => writeFileSync(join(run, path), readFileSync(join(whole, path)));

/** Damages a file: a bit flipped, cut short, or made longer. Returns what was done. */
function damage(path: string, rng: Rng): string {
  const bytes = readFileSync(join(run, path));
  const kind = rng.integer(5);
  if (kind === 0) {
    const length = rng.integer(bytes.length);
    writeFileSync(join(run, path), bytes.subarray(0, length));
    return `${path} cut to ${length}`;
  }
  if (kind === 1) {
    writeFileSync(join(run, path), Buffer.concat([bytes, Buffer.of(rng.integer(256))]));
    return `${path} made longer`;
  }
  const at = rng.integer(bytes.length);
  const bit = rng.integer(8);
  bytes[at]! ^= 1 << bit;
  writeFileSync(join(run, path), bytes);
  return `${path}: bit ${bit} of byte ${at} flipped`;
}

describe('damage', () => {
  it('to a checkpoint is always detected and said, and the older one used', async () => {
    const rng = new Rng(5);
    const folder = join(run, 'checkpoints');
    const files = readdirSync(join(folder, '330')).map(name => join('checkpoints', '330', name));
    expect(files).toHaveLength(3);
    for (let trial = 0; trial < trials(300, 5000); trial++) {
      const path = files[trial % files.length]!;
      const what = damage(path, rng);
      const loaded = await loadCheckpoint(folder, 'last');
      expect(loaded.step, what).toBe(220);
      expect(loaded.damaged).toEqual([{ step: 330, reason: expect.stringMatching(/^checkpoint 330 is damaged: /) }]);
      await expect(loadCheckpoint(folder, 330)).rejects.toThrow('checkpoint 330 is damaged');
      restoreFile(path);
    }
    expect((await loadCheckpoint(folder, 'last')).step).toBe(330);
  }, 300_000);

  it('to the replay is detected too: the run goes on from the newest checkpoint that is whole', async () => {
    const rng = new Rng(6);
    const segments = readdirSync(join(run, 'replay')).map(name => join('replay', name));
    const newest = segments.filter(path => path.endsWith('-330.safetensors'));
    expect(newest).toHaveLength(1);
    for (let trial = 0; trial < trials(20, 300); trial++) {
      const what = damage(newest[0]!, rng);
      const { toy, damaged } = await ToyRun.resume(run);
      expect(toy.step, what).toBe(220);
      expect(damaged).toEqual([330]);
      await toy.run.close();
      for (const path of [newest[0]!, 'metrics.jsonl']) restoreFile(path);
    }
  }, 300_000);

  it('that leaves no checkpoint whole is a clear error, and changes nothing', async () => {
    for (const step of [220, 330]) rmSync(join(run, 'checkpoints', String(step), 'state.json'));
    const before = statSync(join(run, 'metrics.jsonl')).size;
    await expect(ToyRun.resume(run)).rejects.toThrow(
      /cannot be resumed: checkpoint 330 is damaged: state.json cannot be read \(ENOENT\); checkpoint 220 is damaged/,
    );
    expect(statSync(join(run, 'metrics.jsonl')).size).toBe(before);
    for (const step of [220, 330]) restoreFile(join('checkpoints', String(step), 'state.json'));
    const { toy } = await ToyRun.resume(run);
    expect(toy.step).toBe(330);
    await toy.run.close();
  });
});
