import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AcceleratedBackend } from '../../src/backend/accelerated.ts';
import { useBackend } from '../../src/backend/register.ts';
import { build, findClang, fingerprint, modules } from '../../src/backend/wasm/build.mjs';
import { loadWasm } from '../../src/backend/wasm/node.ts';
import { tf } from '../../src/tensor/tf.ts';
import { testKernels } from './kernels.ts';

testKernels('wasm', () => useBackend('wasm', { threads: 2 }));
testKernels('wasm without threads and relaxed SIMD', async () => {
  await useBackend('wasm', { threads: 1 });
  (tf.backend() as AcceleratedBackend).use(loadWasm({ threads: 1, vectors: 'simd' }));
});
testKernels('wasm in tiles for joined vectors', async () => {
  await useBackend('wasm', { threads: 1 });
  (tf.backend() as AcceleratedBackend).use(loadWasm({ threads: 1, vectors: 'wide' }));
});

describe('the committed WASM modules', () => {
  const folder = new URL('../../src/backend/wasm/', import.meta.url);
  const recorded = JSON.parse(readFileSync(new URL('build.json', folder), 'utf8')) as {
    clang: string;
    sources: string;
  };

  it('are made of the present sources', () => {
    expect(fingerprint(), 'run node src/backend/wasm/build.mjs').toBe(recorded.sources);
  });

  const clang = findClang();
  it.skipIf(clang?.version !== recorded.clang)('are what the compiler makes of them', { timeout: 300_000 }, () => {
    const out = mkdtempSync(join(tmpdir(), 'agent-wasm-test-'));
    try {
      build(out, clang!);
      for (const name of modules)
        expect(readFileSync(join(out, name)).equals(readFileSync(new URL(name, folder))), name).toBe(true);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  });
});
