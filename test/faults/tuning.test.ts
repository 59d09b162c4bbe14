import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { algorithms } from '../../src/algorithms/catalog.ts';
import { useBackend } from '../../src/backend/register.ts';
import { Tuning } from '../../src/cli/train/tuning.ts';
import { resolve } from '../../src/config/hyperparameters.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { fingerprint, type TinyTraining, tinyTraining } from './tinyTraining.ts';

let root: string;
beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
  root = mkdtempSync(join(tmpdir(), 'tuning-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Wish = readonly [step: number, name: string, value: number];

/** A training whose hyperparameters are changed at some steps, and which dies at another. */
function training(
  name: string,
  algo: string,
  wishes: readonly Wish[],
  diesAt = Number.POSITIVE_INFINITY,
): TinyTraining {
  const directory = join(root, name);
  return {
    directory,
    algo,
    tune: (algorithm, values) => {
      const tuning = new Tuning(join(directory, 'changes.jsonl'), algorithm, values);
      return step => {
        if (step >= diesAt) throw new Error('killed');
        for (const [at, name, value] of wishes) if (at === step) expect(tuning.ask(name, value)).toBeUndefined();
        tuning.beforeStep(step);
      };
    },
  };
}

describe.each([
  [
    'qvpo',
    [
      [60, 'policyLearningRate', 0.02],
      [72, 'entropyWeight', 3],
      [100, 'policyLearningRate', 1e-4],
    ],
  ],
  [
    'sac',
    [
      [60, 'criticLearningRate', 0.02],
      [72, 'entropyLearningRate', 0.1],
    ],
  ],
] as const)('hyperparameters of %s changed while training', (algo, wishes) => {
  it('change what is learned, and are made again by a resumed run at the same steps', async () => {
    await tinyTraining(training(`${algo}-whole`, algo, wishes), false);
    const whole = await fingerprint(join(root, `${algo}-whole`));
    const lines = readFileSync(join(root, `${algo}-whole`, 'changes.jsonl'), 'utf8')
      .trim()
      .split('\n');
    expect(lines.map(line => JSON.parse(line)).map(({ step, what, to }) => [step, what, to])).toEqual(wishes);

    // The checkpoint is of step 60 or 75: one change lies before it, others after.
    for (const diesAt of [74, 80]) {
      const name = `${algo}-killed-${diesAt}`;
      const before = wishes.filter(([step]) => step < diesAt);
      await expect(tinyTraining(training(name, algo, before, diesAt), false)).rejects.toThrow('killed');
      await tinyTraining(
        training(
          name,
          algo,
          wishes.filter(([step]) => step >= diesAt),
        ),
        true,
      );
      expect(await fingerprint(join(root, name))).toEqual(whole);
    }
    await tinyTraining(training(`${algo}-plain`, algo, []), false);
    expect((await fingerprint(join(root, `${algo}-plain`))).state).not.toBe(whole.state);
  }, 120_000);
});

it('every learning rate of every algorithm and the entropy weight may be changed', () => {
  for (const definition of algorithms.values()) {
    const { values } = resolve(definition.hyperparameters, [{ source: 'test', values: { hidden: 8 } }]);
    const made = definition.create({ obsDim: 3, actDim: 2 }, values as never, new StreamNoise(new Rng(0)));
    const wanted = Object.entries(values).flatMap(([name, value]) =>
      typeof value === 'number' && /learningRate$/i.test(name) ? [name] : [],
    );
    expect(wanted.length, definition.name).toBeGreaterThan(0);
    expect(Object.keys(made.tunable ?? {}), definition.name).toEqual(expect.arrayContaining(wanted));
    for (const variable of Object.values(made.variables)) variable.dispose();
  }
});

it('refuses what is no hyperparameter, no number, or a file that says something else', () => {
  const path = join(root, 'changes.jsonl');
  const made: number[] = [];
  const tunable = { rate: (x: number) => void made.push(x) };
  const tuning = new Tuning(path, { tunable }, { rate: 1 });
  expect(tuning.ask('constructor', 1)).toMatch(/cannot be changed/);
  expect(tuning.ask('rate', Number.NaN)).toMatch(/above 0/);
  expect(tuning.ask('rate', -1)).toMatch(/above 0/);
  tuning.beforeStep(0);
  expect(made).toEqual([]);
  tuning.ask('rate', 2);
  tuning.beforeStep(7);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ step: 7, what: 'rate', from: 1, to: 2 });
  appendFileSync(path, '{"step": 9, "wha'); // cut off: never in force
  new Tuning(path, { tunable }, { rate: 1 }).beforeStep(100);
  expect(made).toEqual([2, 2]);
  writeFileSync(path, 'no json\n');
  expect(() => new Tuning(path, { tunable }, { rate: 1 })).toThrow(/changes\.jsonl, line 1/);
  writeFileSync(path, '{"step":1,"what":"seed","from":1,"to":2}\n');
  expect(() => new Tuning(path, { tunable }, { rate: 1 })).toThrow(/changes "seed"/);
});
