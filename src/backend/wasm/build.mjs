// Builds the WASM modules next to this file, from the same sources as the native kernels: plain and relaxed SIMD, each
// without and with threads. They are committed; `node src/backend/wasm/build.mjs` renews them, `--out DIR` writes
// elsewhere (the test that compares). Needs clang and lld 19 for the same bytes.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** What is built: `relaxed` uses relaxed SIMD, `wide` besides tiles for 256-bit registers. */
export const modules = ['', '.threads', '.relaxed', '.relaxed.threads', '.wide.threads'].map(
  suffix => `kernels${suffix}.wasm`,
);

/** SHA-256 over everything the modules are made of: tells a stale module without a compiler. */
export function fingerprint() {
  const hash = createHash('sha256');
  for (const folder of ['../kernels', '.'])
    for (const name of readdirSync(join(here, folder)).sort())
      if (/\.(cc|h)$/.test(name) || name === 'build.mjs')
        hash.update(name).update(readFileSync(join(here, folder, name)));
  return hash.digest('hex');
}

/** The compiler to use and its version; undefined where there is none. */
export function findClang() {
  for (const command of ['clang++-19', 'clang++']) {
    const probe = spawnSync(command, ['--version'], { encoding: 'utf8' });
    const version = probe.status === 0 ? /version (\d+\.\d+\.\d+)/.exec(probe.stdout)?.[1] : undefined;
    if (version && Number.parseInt(version, 10) >= 16) return { command, version };
  }
  return undefined;
}

export function build(out, clang) {
  const temporary = mkdtempSync(join(tmpdir(), 'agent-wasm-'));
  const run = args => {
    const result = spawnSync(clang.command, args, { encoding: 'utf8' });
    if (result.status !== 0) throw new Error(result.stderr);
  };
  for (const name of modules) {
    const target = [
      '--target=wasm32',
      '-O3',
      '-std=c++17',
      '-msimd128',
      '-mbulk-memory',
      '-nostdlib',
      '-ffreestanding',
    ];
    target.push('-fno-exceptions', '-fno-rtti', '-fvisibility=hidden', '-fno-math-errno', '-DAGENT_ISA=wasm');
    if (/relaxed|wide/.test(name)) target.push('-mrelaxed-simd');
    if (name.includes('wide')) target.push('-DAGENT_WIDE');
    if (name.includes('threads')) target.push('-matomics', '-mmutable-globals');
    const objects = ['../kernels/kernels.cc', '../kernels/noise.cc', 'host.cc'].map((file, i) => {
      const object = join(temporary, `${i}.o`);
      run([...target, '-ffp-contract=off', '-c', join(here, file), '-o', object]);
      return object;
    });
    const link = ['--no-entry', '--import-memory', '--strip-all', '--max-memory=4294967296', '-z,stack-size=262144'];
    if (name.includes('threads')) link.push('--shared-memory', '--export=__stack_pointer');
    run([...target, ...objects, ...link.map(flag => `-Wl,${flag}`), '-o', join(out, name)]);
  }
  rmSync(temporary, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const clang = findClang();
  if (!clang) throw new Error('clang 16 or newer with lld is needed (Debian: apt-get install clang-19 lld-19)');
  const at = process.argv.indexOf('--out');
  const out = at < 0 ? here : process.argv[at + 1];
  build(out, clang);
  writeFileSync(
    join(out, 'build.json'),
    `${JSON.stringify({ clang: clang.version, sources: fingerprint() }, null, 2)}\n`,
  );
}
