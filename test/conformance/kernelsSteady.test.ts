import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { AcceleratedBackend } from '../../src/backend/accelerated.ts';
import { bf16Ways, nativeBuild } from '../../src/backend/native/load.ts';
import { useBackend } from '../../src/backend/register.ts';
import { WasmLibrary } from '../../src/backend/wasm/library.ts';
import { webAssembly } from '../../src/backend/wasm/webAssembly.ts';
import { Mlp } from '../../src/networks/mlp.ts';
import { Adam } from '../../src/optim/adam.ts';
import { minimize } from '../../src/optim/minimize.ts';
import { Rng } from '../../src/random/rng.ts';
import { StreamNoise } from '../../src/tensor/noise.ts';
import { denoise } from '../../src/tensor/ops/denoise.ts';
import { type Tensor, type Tensor2D, tf } from '../../src/tensor/tf.ts';

const backends = [
  ...(nativeBuild().exists ? [{ name: 'native' }] : []),
  ...bf16Ways().map(bf16By => ({ name: 'native', precision: 'bf16' as const, bf16By })),
  { name: 'wasm' },
];

/** How long memory is watched: `npm run test:full` takes the long way. */
const UPDATES = process.env.FAULT_TRIALS === 'full' ? 20_000 : 1200;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Some updates of a network, and a chain through it: all that is left of it, as bytes. */
function train(updates: number, batch: number, hidden: number, after = (_update: number) => {}): Uint8Array[] {
  const noise = new StreamNoise(new Rng(3));
  const network = new Mlp({ sizes: [7, hidden, hidden, 2], activation: 'mish' }, noise);
  const optimizer = new Adam(network.variables, { learningRate: 1e-2, clipNorm: 0.5 });
  const bytes: Uint8Array[] = [];
  const keep = (tensor: Tensor) => {
    const values = tensor.dataSync();
    bytes.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  };
  for (let update = 0; update < updates; update++) {
    tf.tidy(() => {
      const x = noise.normal('x', [batch, 7]) as Tensor2D;
      const y = noise.uniform('y', [batch, 2]);
      const { loss } = minimize(optimizer, () => ({ loss: network.apply(x).sub(y).square().mean().asScalar() }));
      if (update === updates - 1) keep(loss);
    });
    after(update);
  }
  for (const variable of Object.values(network.variables)) keep(variable);
  tf.tidy(() =>
    keep(
      denoise({
        body: network,
        embeddings: noise.normal('e', [3, 2]) as Tensor2D,
        observations: noise.normal('s', [batch, 3]) as Tensor2D,
        candidates: 2,
        coefficients: Float32Array.from({ length: 15 }, (_, i) => [1.2, 0.6, 0.4, 0.5, 0.3][i % 5]!),
        initialNoise: noise.normal('i', [2 * batch, 2]) as Tensor2D,
        stepNoise: noise.normal('n', [3, 2 * batch, 2]),
      }),
    ),
  );
  tf.dispose([...Object.values(network.variables), ...Object.values(optimizer.state)]);
  return bytes;
}

it('gives the same bits in WASM whether the engine joins vectors or not', { timeout: 120_000 }, async () => {
  await useBackend('wasm');
  const joins = Number.parseInt(process.versions.v8, 10) >= 13 && process.arch === 'x64';
  const join = (on: boolean) => joins && setFlagsFromString(`--${on ? '' : 'no-'}experimental-wasm-revectorize`);
  const module = readFileSync(new URL('../../src/backend/wasm/kernels.wide.threads.wasm', import.meta.url));
  const run = (end: number[]) => {
    const own = new webAssembly.Module(Uint8Array.from([...module, ...end]));
    (tf.backend() as AcceleratedBackend).use(
      new WasmLibrary({ module: own, vectors: 'wide', threads: 1, bytes: 2 ** 28 }),
    );
    const bytes = [...train(40, 300, 130), ...train(40, 3, 130)]; // long enough for the optimizing compiler
    return Buffer.concat(bytes).toString('hex');
  };
  join(false);
  const apart = run([0, 1, 0]); // an empty section: the engine would share the code of equal modules
  join(true);
  expect(run([]) === apart).toBe(true);
});

describe.each(backends)('$name $bf16By', { timeout: 120_000 }, ({ name, ...precision }) => {
  it('gives the same bits with any number of threads', async () => {
    await useBackend(name, { threads: 1, ...precision });
    const [one, few] = [train(4, 300, 130), train(4, 3, 130)];
    for (const threads of [2, 3]) {
      await useBackend(name, { threads, ...precision });
      expect(train(4, 300, 130)).toEqual(one);
      expect(train(4, 3, 130)).toEqual(few);
    }
  });

  it('keeps tensors and memory flat', async () => {
    await useBackend(name, { threads: 2, ...precision });
    const seen: { tensors: number; memory: number }[] = [];
    train(UPDATES, 32, 32, update => {
      if (update !== UPDATES / 4 && update !== UPDATES - 1) return; // first the engine's code and heap settle
      collectGarbage();
      seen.push({ tensors: tf.memory().numTensors, memory: process.memoryUsage.rss() });
    });
    const [early, late] = seen as [(typeof seen)[0], (typeof seen)[0]];
    expect(late.tensors).toBe(early.tensors);
    expect((late.memory - early.memory) / 2 ** 20).toBeLessThan(20); // activations of an update: 16 kB; leaked, 245 MB in full
  });

  it('hands out copies: what was read stays as it was', async () => {
    await useBackend(name, precision);
    const variable = tf.variable(tf.ones([40]));
    const optimizer = new Adam({ variable }, { learningRate: 0.1 });
    const step = () => tf.tidy(() => void minimize(optimizer, () => ({ loss: variable.sum().asScalar() })));
    step();
    const before = variable.dataSync();
    const copy = before.slice();
    const alias = variable.clone();
    step();
    expect(before).toEqual(copy);
    expect(alias.dataSync()).toEqual(copy);
    expect(variable.dataSync()[0]).not.toBe(copy[0]);
  });
});
