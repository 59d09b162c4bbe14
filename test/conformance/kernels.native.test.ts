import { describe, expect, it } from 'vitest';
import { bf16Ways, loadNative, nativeBuild } from '../../src/backend/native/load.ts';
import { useBackend } from '../../src/backend/register.ts';
import { testKernels } from './kernels.ts';
import { testBf16 } from './kernelsBf16.ts';

if (nativeBuild().exists) {
  for (const isa of loadNative({ threads: 1 }).features) {
    testKernels(`native, ${isa}`, () => useBackend('native', { threads: 2, isa }));
  }
  for (const bf16By of bf16Ways()) testBf16(bf16By);
} else {
  describe('kernels on native', () => {
    it('say why they were not built', () => {
      expect(nativeBuild().reason).toBeTruthy();
      expect(() => loadNative()).toThrow(/not there/);
    });
  });
}
