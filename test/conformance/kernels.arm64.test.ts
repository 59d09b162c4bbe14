import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const runs = (program: string) => spawnSync(program, ['--version']).status === 0;
const wanted =
  process.env.CI === 'true' ||
  (process.env.ARM64 === '1' && runs('qemu-aarch64-static') && runs('aarch64-linux-gnu-g++'));

/** ARM64=1 and apt-get install g++-aarch64-linux-gnu qemu-user-static: a minute of one core. */
describe.skipIf(!wanted || process.arch !== 'x64')('kernels on 64-bit Arm, emulated', () => {
  it('agree with the definitions', { timeout: 600_000 }, () => {
    const script = fileURLToPath(new URL('../arm64/run.mjs', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    expect(status, `${stdout}${stderr}`).toBe(0);
    expect(stdout).toMatch(/kernels on native, neon/);
    expect(stdout).toMatch(/pass [1-9]\d*\n.*fail 0\n/);
  });
});
