import { cpus } from 'node:os';
import { describe, expect, it } from 'vitest';
import { bf16Ways, nativeBuild } from '../../../src/backend/native/load.ts';
import { addCommand, installedPackage, optionalNames } from '../../../src/backend/optional.ts';
import { currentBackend, describeBackends, useBackend } from '../../../src/backend/register.ts';
import { AgentError, UsageError } from '../../../src/errors.ts';
import { tf } from '../../../src/tensor/tf.ts';

describe('useBackend', () => {
  it('takes the best that starts and says why', async () => {
    const { name, why } = await useBackend('auto', { threads: 1 });
    expect(name).toBe(nativeBuild().exists ? 'native' : 'wasm');
    expect(why).not.toBe('');
    expect(tf.getBackend()).toBe(name);
    expect(currentBackend()?.name).toBe(name);
  });

  it('refuses names and thread counts that do not exist', async () => {
    await expect(useBackend('cuda')).rejects.toThrow(UsageError);
    await expect(useBackend('native', { threads: 0 })).rejects.toThrow(/--threads is 0/);
    await expect(useBackend('wasm', { threads: 1.5 })).rejects.toThrow(/--threads is 1.5/);
  });

  it('refuses bfloat16 by name where nothing multiplies it, and takes it by itself where it is fast', async () => {
    const inBf16 = (name: string) => useBackend(name, { threads: 1, precision: 'bf16' });
    await expect(inBf16('cpu')).rejects.toThrow(/--precision bf16 is for the native backend; this is cpu/);
    await expect(inBf16('wasm')).rejects.toThrow(UsageError);
    await expect(useBackend('auto', { precision: 'half' as 'bf16' })).rejects.toThrow(/no precision "half"/);
    expect(await useBackend('wasm', { threads: 1, precision: 'auto' })).toMatchObject({ precision: 'float32' });
    const [fastest] = bf16Ways();
    if (fastest === undefined)
      await expect(inBf16('auto')).rejects.toThrow(/--precision bf16: .*(has no|without it)|is for/);
    else expect(await inBf16('native')).toMatchObject({ precision: 'bf16', precisionWhy: 'asked for' });
    const chosen = await useBackend('auto', { threads: 1, precision: 'auto' });
    const byVectors = cpus()[0]!.model.includes('AMD') ? 'AVX512-BF16' : undefined;
    const by = fastest === 'amx' ? 'AMX' : fastest && byVectors;
    expect(chosen.precision).toBe(by ? 'bf16' : 'float32');
    expect(chosen.bf16By).toBe(by);
    expect(chosen.precisionWhy).toMatch(by ? `the processor has ${by}` : /no faster than float32|has no|built without/);
    expect(await useBackend('auto', { threads: 1 })).toMatchObject({ precision: 'float32' });
  });

  it('does not fall back from a backend that was named', async () => {
    await useBackend('cpu');
    for (const name of optionalNames) {
      if (installedPackage(name)) continue; // test/smoke/optionalBackends.test.ts spoils what is installed
      const error = await useBackend(name).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(AgentError);
      expect((error as AgentError).message).toContain(`"${name}" does not start`);
      expect((error as AgentError).message).toContain('is not installed');
      expect((error as AgentError).remedies.some(([, command]) => command === addCommand(name))).toBe(true);
      expect(tf.getBackend()).toBe('cpu');
    }
    if (!nativeBuild().exists) await expect(useBackend('native')).rejects.toThrow(/native kernels are not there/);
  });

  it('moves tensors to the backend that comes', async () => {
    await useBackend('cpu');
    const variable = tf.variable(tf.tensor1d([1, 2, 3]));
    await useBackend('wasm', { threads: 1 });
    const doubled = tf.tidy(() => variable.mul(2));
    await useBackend('auto', { threads: 1 });
    expect(Array.from(tf.tidy(() => doubled.add(variable).dataSync()))).toEqual([3, 6, 9]);
    await useBackend('cpu');
    expect(Array.from(doubled.dataSync())).toEqual([2, 4, 6]);
    tf.dispose([variable, doubled]);
  });
});

describe('describeBackends', () => {
  it('says of each whether it is here, why, and how to get it', async () => {
    const facts = await describeBackends();
    expect(facts.map(({ name }) => name)).toEqual(['native', 'wasm', 'cpu', 'tensorflow', 'webgpu']);
    for (const { available, why, remedy } of facts) {
      expect(why).not.toBe('');
      if (!available) expect(remedy).toBeTruthy();
    }
  });
});
