import { useBackend } from '../../src/backend/register.ts';
import { type Promises, testKernels } from './kernels.ts';
import { testUpdates } from './kernelsUpdates.ts';
import { describeOptional } from './optional.ts';

// Eigen's approximations; denormals count as zero.
const promises: Promises = { elementary: 1e-5, angles: 1e5, small: 1e-6, special: true, checksIndices: true };

describeOptional('tensorflow', () => {
  const start = () => useBackend('tensorflow');
  testKernels('tensorflow', start, promises);
  testUpdates('tensorflow', start);
});
