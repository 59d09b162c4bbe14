// Compiles the kernels to dist/native/kernels.node with the system's C++ compiler. Without one it says so and succeeds:
// the WASM kernels then serve. Run by `npm run build`; `--strict` makes a failure fatal, `--force` rebuilds.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');
const out = join(root, 'dist/native');
const record = join(out, 'build.json');
const strict = process.argv.includes('--strict');

const flagsOf = {
  x64: {
    avx512: ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx2', '-mfma', '-mprefer-vector-width=512'],
    avx2: ['-mavx2', '-mfma'],
    sse2: [],
  },
  arm64: { neon: [] },
};

function fail(reason) {
  mkdirSync(out, { recursive: true });
  writeFileSync(record, `${JSON.stringify({ built: false, reason }, null, 2)}\n`);
  process.stderr.write(`native kernels were not built: ${reason}\n`);
  process.stderr.write('  the WASM kernels will be used; for the native ones install a C++ compiler\n');
  process.stderr.write('  (Debian: apt-get install g++; macOS: xcode-select --install) and run npm run build\n');
  process.exit(strict ? 1 : 0);
}

function run(compiler, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', text => {
      errors += text;
    });
    child.on('error', reject);
    child.on('close', code => (code === 0 ? resolve() : reject(new Error(errors.slice(0, 2000) || `exit ${code}`))));
  });
}

function sources() {
  return ['kernels', 'native'].flatMap(folder =>
    readdirSync(join(here, '..', folder))
      .filter(name => /\.(cc|h|mjs)$/.test(name))
      .map(name => join(here, '..', folder, name)),
  );
}

const compiler = process.env.CXX || 'c++';
const probe = spawnSync(compiler, ['--version'], { encoding: 'utf8' });
const isas = flagsOf[process.arch] ?? { generic: [] };
if (process.platform === 'win32') fail('Windows is served by the WASM kernels');
if (probe.error || probe.status !== 0) fail(`no C++ compiler ("${compiler}" does not run)`);

const hash = createHash('sha256').update(probe.stdout).update(process.arch);
for (const file of sources()) hash.update(readFileSync(file));
const fingerprint = hash.digest('hex');
const binary = join(out, 'kernels.node');
if (existsSync(binary) && existsSync(record) && !process.argv.includes('--force')) {
  if (JSON.parse(readFileSync(record, 'utf8')).fingerprint === fingerprint) process.exit(0);
}

mkdirSync(out, { recursive: true });
const temporary = mkdtempSync(join(out, 'build-'));
try {
  const require = createRequire(import.meta.url);
  const headers = require('node-api-headers').include_dir;
  const common = ['-std=c++17', '-O3', '-fPIC', '-fno-math-errno', '-fvisibility=hidden', '-Wno-psabi'];
  const compile = async (file, name, flags) => {
    const object = join(temporary, `${name}.o`);
    await run(compiler, [...common, ...flags, '-c', file, '-o', object]);
    return object;
  };
  /** Sampling in bfloat16 (`--precision bf16`): left out where compiler or assembler do not know it. */
  const withBf16 = async () => {
    const flags = [...flagsOf.x64.avx512, '-mavx512bf16', '-ffp-contract=fast'];
    const wanted = process.arch === 'x64' && process.platform === 'linux';
    const kernels = wanted ? await compile(join(here, 'bf16.cc'), 'bf16', flags).catch(() => undefined) : undefined;
    const answer = await compile(join(here, 'precision.cc'), 'precision', kernels ? ['-DAGENT_BF16'] : []);
    return kernels ? [answer, kernels] : [answer];
  };
  const objects = await Promise.all([
    ...Object.entries(isas).flatMap(([isa, flags]) =>
      Object.entries({ kernels: 'fast', noise: 'off' }).map(([file, contract]) =>
        compile(join(here, `../kernels/${file}.cc`), `${file}_${isa}`, [
          ...flags,
          `-ffp-contract=${contract}`,
          `-DAGENT_ISA=${isa}`,
        ]),
      ),
    ),
    compile(join(here, 'pool.cc'), 'pool', ['-pthread']),
    compile(join(here, 'addon.cc'), 'addon', [`-I${headers}`]),
    withBf16(),
  ]);
  const link = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-pthread'];
  await run(compiler, [...link, ...objects.flat(), '-o', join(temporary, 'kernels.node')]);
  renameSync(join(temporary, 'kernels.node'), binary);
  const version = probe.stdout.split('\n')[0];
  writeFileSync(
    record,
    `${JSON.stringify({ built: true, compiler: version, isas: Object.keys(isas), fingerprint }, null, 2)}\n`,
  );
} catch (error) {
  rmSync(temporary, { recursive: true, force: true });
  fail(`the compiler failed: ${error.message.split('\n').slice(0, 5).join('\n  ')}`);
}
rmSync(temporary, { recursive: true, force: true });
