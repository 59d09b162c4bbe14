/**
 * Inputs and results of the official implementations. `GOLDEN_DIR=DIR npx vitest run test/golden` runs every case of DIR,
 * dispatching on its `kind`, whatever its sizes; a case of unknown kind fails.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeBackends, useBackend } from '../../src/backend/register.ts';
import { tf } from '../../src/tensor/tf.ts';
import { dataDir } from '../reference.ts';
import { differences, GoldenCase, type Handler } from './case.ts';
import { dpmHandlers } from './dpm.ts';
import { dqlHandlers } from './dql.ts';
import { edpHandlers } from './edp.ts';
import { qvpoHandlers } from './qvpo.ts';
import { srpoHandlers } from './srpo.ts';

const handlers: [RegExp, Handler][] = [
  ...qvpoHandlers,
  ...dpmHandlers,
  ...edpHandlers,
  ...dqlHandlers,
  ...srpoHandlers,
];

const dir = dataDir('GOLDEN_DIR', 'golden');
const names = readdirSync(dir)
  .filter(file => file.endsWith('.json'))
  .map(file => file.slice(0, -5))
  .sort();

test(`${dir} holds cases`, () => expect(names.length).toBeGreaterThan(0));

const available = (await describeBackends()).filter(({ name, available }) => name === 'native' && available);
const backends = ['cpu', ...available.map(({ name }) => name)];

describe.each(backends)('golden on %s', backend => {
  for (const name of names) {
    const golden = new GoldenCase(dir, name);
    if (golden.kind === 'parameters') continue;
    test(name, { timeout: 120_000 }, async () => {
      await useBackend(backend);
      const handler = handlers.find(([kind]) => kind.test(golden.kind))?.[1];
      if (!handler) throw new Error(`no check for cases of kind ${golden.kind}`);
      tf.engine().startScope();
      try {
        expect(differences(golden, handler(golden))).toEqual([]);
      } finally {
        tf.engine().endScope();
      }
    });
  }
});
