import { useBackend } from '../../src/backend/register.ts';
import { type Promises, testKernels } from './kernels.ts';
import { testUpdates } from './kernelsUpdates.ts';
import { describeOptional } from './optional.ts';

// WGSL lets a driver assume that there are no infinities and no NaN, and asks for sines of small angles alone.
const promises: Promises = { elementary: 1e-5, angles: 8, small: 1e-6, special: false, checksIndices: false };

describeOptional('webgpu', () => {
  const start = () => useBackend('webgpu');
  testKernels('webgpu', start, promises);
  testUpdates('webgpu', start);
});
