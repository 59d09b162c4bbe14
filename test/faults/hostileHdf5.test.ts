import { createHash } from 'node:crypto';
import fs, { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { recordSha256 } from '../../src/data/checksum.ts';
import { readD4rl } from '../../src/data/d4rl.ts';
import { isDeath, loadHdf5 } from '../../src/data/hdf5Module.ts';
import { locate } from '../../src/data/locate.ts';
import { readLocated } from '../../src/data/openDataset.ts';
import { AgentError } from '../../src/errors.ts';
import { Rng } from '../../src/random/rng.ts';
import { fixturesDir } from '../reference.ts';
import { trials } from './toyRun.ts';

const datasets = join(fixturesDir, 'datasets');
const hostile = join(datasets, 'hostile');

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'agent-hostile-'));
  await readD4rl(join(datasets, 'float32.hdf5')); // loads the library
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const thrown = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('crafted files', () => {
  it.each(readdirSync(hostile).sort())('%s: a named error, nothing else opened', async name => {
    const path = join(hostile, name);
    const opened = vi.spyOn(fs, 'openSync');
    const start = performance.now();
    const error = await thrown(readD4rl(path));
    const foreign = opened.mock.calls.map(([file]) => resolve(String(file))).filter(file => file !== path);
    opened.mockRestore();
    expect(error).toBeInstanceOf(AgentError);
    expect((error as AgentError).exitCode).toBe(2);
    expect((error as AgentError).message).toContain(path);
    expect((error as AgentError).message).toMatch(/"(observations|actions|rewards|terminals)"/);
    expect(foreign).toEqual([]);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('a library that died', () => {
  it('is given up, and the next file is read by another', async () => {
    const first = await loadHdf5();
    expect(isDeath(new Error('damaged'))).toBe(false);
    expect(await loadHdf5()).toBe(first);
    expect(isDeath(new WebAssembly.RuntimeError('Aborted(native code called abort())'))).toBe(true);
    expect(await loadHdf5()).not.toBe(first);
    expect((await readD4rl(join(datasets, 'float64.hdf5'))).rows).toBe(40);
    const error = await thrown(readD4rl(join(hostile, 'externalStorage.hdf5')));
    expect((error as AgentError).message).toMatch(/refers to another file, .*passwd, which is refused/);
  });
});

/** A copy with one to eight bytes changed, or cut off. */
function mutant(bytes: Buffer, rng: Rng): Buffer {
  if (rng.integer(8) === 0) return bytes.subarray(0, rng.integer(bytes.length));
  const copy = Buffer.from(bytes);
  for (let left = 1 + rng.integer(8); left > 0; left--) {
    const at = rng.integer(bytes.length);
    copy[at] = rng.integer(4) === 0 ? [0, 0xff, 0x7f, 0x80][rng.integer(4)]! : copy[at]! ^ (1 << rng.integer(8));
  }
  return copy.equals(bytes) ? mutant(bytes, rng) : copy;
}

describe('mutants', () => {
  const count = trials(150, 12_000);
  const names = ['float32.hdf5', 'float64.hdf5', 'bigEndian.hdf5'];

  it(`${count} of pinned data: every one is noticed`, { timeout: 3_600_000 }, async () => {
    const rng = new Rng(1).split('pinned');
    const path = join(folder, 'pinned.hdf5');
    for (let i = 0; i < count; i++) {
      const whole = readFileSync(join(datasets, names[i % names.length]!));
      recordSha256(path, createHash('sha256').update(whole).digest('hex'));
      writeFileSync(path, mutant(whole, rng));
      const error = await thrown(readLocated(locate(path, folder)));
      expect((error as AgentError).message).toMatch(/has changed: its SHA-256/);
      expect((error as AgentError).exitCode).toBe(2);
      writeFileSync(path, whole);
      if (i % 50 === 0) expect((await readLocated(locate(path, folder))).steps.rows).toBe(40);
    }
  });

  it(`${count} of data nobody pinned: read, or refused by name; the library survives`, {
    timeout: 3_600_000,
  }, async () => {
    const rng = new Rng(2).split('unpinned');
    const path = join(folder, 'unpinned.hdf5');
    let refused = 0;
    for (let i = 0; i < count; i++) {
      writeFileSync(path, mutant(readFileSync(join(datasets, names[i % names.length]!)), rng));
      const error = await thrown(readD4rl(path));
      if (error === undefined) continue;
      refused++;
      expect(error, `mutant ${i}`).toBeInstanceOf(AgentError);
      expect((error as AgentError).message).toContain(path);
    }
    expect(refused).toBeGreaterThan(count / 10);
    expect((await readD4rl(join(datasets, 'float32.hdf5'))).rows).toBe(40);
  });
});
