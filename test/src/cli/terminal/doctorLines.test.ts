import { expect, it } from 'vitest';
import { doctorLines, type Finding } from '../../../../src/cli/terminal/doctorLines.ts';
import { textOf } from '../../../../src/cli/terminal/lines.ts';

const findings: Finding[] = [
  { name: 'node', state: 'works', found: '20.20.2', note: '20 or newer' },
  { name: 'cpu', state: 'works', found: '2 cores, AVX-512, BF16' },
  { name: 'native', state: 'works', found: '172 GFLOP/s', note: "93 % of this machine's peak" },
  { name: 'wasm', state: 'works', found: '81 GFLOP/s', note: 'used where native cannot be built' },
  { name: 'mujoco', state: 'works', found: '3.14.0, 2,990 steps/s', note: 'Humanoid, one core' },
  { name: 'viewer', state: 'works', found: 'port 7878 is free' },
  { name: 'webgpu', state: 'absent', found: 'no adapter', note: 'only for --backend webgpu' },
  { name: 'tensorflow', state: 'absent', found: 'not installed', note: 'npm i @tensorflow/tfjs-node-gpu' },
  {
    name: 'disk',
    state: 'hurts',
    found: '1.2 GB free in runs/',
    note: 'Humanoid needs 3.5 GB at 10⁶ steps',
    remedy: 'free some, or put the run elsewhere: --run DIR',
  },
];

it('is the text of the design', () => {
  const lines = doctorLines(findings, 'Training works; a full Humanoid run will not fit.');
  expect(lines.map(textOf).join('\n')).toBe(
    `
  ✓ node         20.20.2                 20 or newer
  ✓ cpu          2 cores, AVX-512, BF16
  ✓ native       172 GFLOP/s             93 % of this machine's peak
  ✓ wasm          81 GFLOP/s             used where native cannot be built
  ✓ mujoco       3.14.0, 2,990 steps/s   Humanoid, one core
  ✓ viewer       port 7878 is free
  – webgpu       no adapter              only for --backend webgpu
  – tensorflow   not installed           npm i @tensorflow/tfjs-node-gpu
  ✗ disk         1.2 GB free in runs/    Humanoid needs 3.5 GB at 10⁶ steps
                 free some, or put the run elsewhere: --run DIR

  1 problem. Training works; a full Humanoid run will not fit.`,
  );
});
