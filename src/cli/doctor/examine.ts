import { createServer } from 'node:net';
import { cpus } from 'node:os';
import { makeEnv } from '../../../envs/registry.ts';
import { addCommand, installedPackage, type OptionalName, optionalNames } from '../../backend/optional.ts';
import { useBackend } from '../../backend/register.ts';
import { replayBytes } from '../../data/replayBuffer.ts';
import { AgentError } from '../../errors.ts';
import { peakGflops } from '../bench/benchKernels.ts';
import { cpuFeatures } from '../cpuFeatures.ts';
import { dependencyVersion } from '../packageRoot.ts';
import type { Finding } from '../terminal/doctorLines.ts';
import { formatBytes, grouped } from '../terminal/format.ts';
import { freeBytes } from '../train/freeBytes.ts';
import { sizesOf } from '../train/onlineParts.ts';

/** Everything `agent doctor` looks at; runs will go to `folder`. Takes a few seconds: speeds are measured. */
export async function examine(folder: string): Promise<Finding[]> {
  const native = await kernels('native', 'the fastest on a CPU');
  const wasm = await kernels('wasm', 'used where native cannot be built');
  if (native.state === 'absent' && wasm.state === 'works') {
    return [...machine(), { ...native, note: `faster than wasm: ${native.note}` }, wasm, ...(await rest(folder))];
  }
  if (native.state === 'absent') {
    const remedy = 'apt-get install g++ && npm run build';
    return [...machine(), { ...native, state: 'hurts', remedy }, wasm, ...(await rest(folder))];
  }
  return [...machine(), native, wasm, ...(await rest(folder))];
}

function machine(): Finding[] {
  const { node } = process.versions;
  const supported = Number.parseInt(node, 10) >= 20;
  const features = cpuFeatures();
  return [
    {
      name: 'node',
      state: supported ? 'works' : 'hurts',
      found: node,
      note: '20 or newer',
      remedy: supported ? undefined : 'install Node 20 or newer: https://nodejs.org',
    },
    { name: 'cpu', state: 'works', found: [`${cpus().length} cores`, ...features].join(', ') },
  ];
}

async function rest(folder: string): Promise<Finding[]> {
  const found = [await physics(), await viewerPort(7878)];
  for (const name of optionalNames) found.push(await optional(name));
  return [...found, await disk(folder)];
}

async function kernels(name: 'native' | 'wasm' | OptionalName, use: string): Promise<Finding> {
  try {
    const { features, threads, bf16By, precisionWhy } = await useBackend(name, { precision: 'auto' });
    const found = `${Math.round(peakGflops(0.4))} GFLOP/s`;
    const sampling = bf16By ? `samples in bf16 by ${bf16By}` : `samples in float32: ${precisionWhy}`;
    const half = name === 'wasm' && process.arch === 'x64' && !features[0]?.includes('256');
    const more = half && 'which Node 24 or newer joins to 256 bits where the processor has AVX2, twice as fast';
    const details = [`${threads} thread${threads === 1 ? '' : 's'}`, features[0], name === 'native' && sampling, more];
    return { name, state: 'works', found, note: `${use}; ${details.filter(Boolean).join(', ')}` };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const remedy = error.remedies[0]?.join(': ');
    return { name, state: 'absent', found: 'not available', note: error.message, remedy };
  }
}

/** Humanoid without forces for half a second, falling and reset: the best 20 steps. */
async function physics(): Promise<Finding> {
  const version = dependencyVersion('@mujoco/mujoco');
  try {
    const env = await makeEnv('Humanoid-v3');
    const action = new Float32Array(sizesOf(env.spec).actDim);
    env.reset(0);
    let rate = 0;
    const end = performance.now() + 500;
    while (performance.now() < end) {
      const begin = performance.now();
      for (let i = 0; i < 20; i++) {
        const { terminated, truncated } = env.step(action);
        if (terminated || truncated) env.reset();
      }
      rate = Math.max(rate, 20_000 / (performance.now() - begin));
    }
    env.close();
    return {
      name: 'mujoco',
      state: 'works',
      found: `${version}, ${grouped(rate)} steps/s`,
      note: 'Humanoid, one core',
    };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { name: 'mujoco', state: 'hurts', found: version, note: error.message, remedy: 'npm ci' };
  }
}

async function viewerPort(port: number): Promise<Finding> {
  const free = await new Promise<boolean>(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
  if (free) return { name: 'viewer', state: 'works', found: `port ${port} is free` };
  return { name: 'viewer', state: 'works', found: `port ${port} is taken`, note: 'the next free one is used' };
}

/** Starts it, where it is installed. */
async function optional(name: OptionalName): Promise<Finding> {
  if (!installedPackage(name)) return { name, state: 'absent', found: 'not installed', note: addCommand(name) };
  const finding = await kernels(name, `only for --backend ${name}`);
  return finding.state === 'works' ? finding : { ...finding, state: 'hurts' };
}

/** A full run of the largest task: its replay and a few checkpoints. */
async function disk(folder: string): Promise<Finding> {
  const needed = replayBytes(1_000_000, 376, 17) + 0.4e9;
  const free = await freeBytes(folder);
  const found = `${formatBytes(free)} free in ${folder.replace(/\/*$/, '/')}`;
  const note = `Humanoid needs ${formatBytes(needed)} at 10⁶ steps`;
  if (free > needed) return { name: 'disk', state: 'works', found, note };
  return { name: 'disk', state: 'hurts', found, note, remedy: 'free some, or put the run elsewhere: --run DIR' };
}
