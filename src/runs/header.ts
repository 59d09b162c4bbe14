import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the numbers of a run depend on besides its configuration: bitwise equality is promised where these are equal. */
export interface RunHeader {
  /** SHA-256 of the code that computes: this package's files, kernels included, without viewer and command line. */
  readonly source: string;
  /** SHA-256 of the resolved configuration. */
  readonly config: string;
  readonly seed: number;
  readonly node: string;
  /** SHA-256 of the physics engine. */
  readonly engine: string;
  /** SHA-256 of the lockfile, `none` where the package was installed without it. */
  readonly lockfile: string;
  /** Processor features that select kernels. */
  readonly cpu: string;
  readonly threads: number;
  readonly backend: string;
  /** In what sampling computes, and by which instructions: `float32`, `bf16 AMX`. */
  readonly precision: string;
}

export interface HeaderInput {
  readonly config: unknown;
  readonly seed: number;
  readonly threads: number;
  readonly backend: string;
  /** Instructions that multiply bfloat16; absent: float32. */
  readonly bf16By?: string;
}

/** Directories of the package's code whose files change no number. */
const WITHOUT_NUMBERS = new Set(['cli', 'dashboard']);
const CPU_FEATURES = ['avx2', 'fma', 'avx512f', 'avx512_bf16', 'amx_bf16', 'asimd'];

/** The header of a run on this machine, with this build. */
export function collectHeader({ config, seed, threads, backend, bf16By }: HeaderInput): RunHeader {
  const { root, code } = packageFolders();
  const lockfile = join(root, 'package-lock.json');
  return {
    source: hashFolder(code),
    config: createHash('sha256').update(canonical(config)).digest('hex'),
    seed,
    node: process.version,
    engine: engineHash(),
    lockfile: existsSync(lockfile) ? createHash('sha256').update(readFileSync(lockfile)).digest('hex') : 'none',
    cpu: cpuFeatures(),
    threads,
    backend,
    precision: bf16By === undefined ? 'float32' : `bf16 ${bf16By}`,
  };
}

/** The entries in which two headers differ, as `name: then → now`. */
export function headerDifferences(then: RunHeader, now: RunHeader): string[] {
  const short = (value: unknown) => String(value ?? 'none').replace(/^[0-9a-f]{64}$/, hash => hash.slice(0, 12));
  return (Object.keys(now) as (keyof RunHeader)[])
    .filter(key => then[key] !== now[key])
    .map(key => `${key}: ${short(then[key])} → ${short(now[key])}`);
}

/** JSON with sorted keys: equal values give equal text. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/** The package's root, and the folder its code runs from: the root itself, or `dist` when built. */
function packageFolders(): { root: string; code: string } {
  const here = dirname(fileURLToPath(import.meta.url));
  const code = dirname(dirname(here));
  let root = code;
  while (!existsSync(join(root, 'package.json')) && dirname(root) !== root) root = dirname(root);
  return { root, code };
}

function hashFolder(code: string): string {
  const hash = createHash('sha256');
  const visit = (folder: string) => {
    if (!existsSync(folder)) return;
    const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !WITHOUT_NUMBERS.has(entry.name)) visit(path);
      else if (entry.isFile() && ['.ts', '.js', '.xml', '.node', '.wasm', '.cc'].includes(extname(entry.name)))
        hash.update(`${path.slice(code.length)}\n`).update(readFileSync(path));
    }
  };
  for (const folder of ['src', 'envs', 'bridge']) visit(join(code, folder));
  return hash.digest('hex');
}

function engineHash(): string {
  const folder = dirname(realpathSync(createRequire(import.meta.url).resolve('@mujoco/mujoco')));
  const hash = createHash('sha256');
  for (const name of readdirSync(folder).sort()) {
    if (extname(name) === '.wasm') hash.update(readFileSync(join(folder, name)));
  }
  return hash.digest('hex');
}

function cpuFeatures(): string {
  const path = '/proc/cpuinfo';
  if (!existsSync(path)) return `${process.arch} ${cpus()[0]?.model ?? ''}`.trim();
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? '';
  const found = new Set(line.trim().split(/\s+/));
  return [process.arch, ...CPU_FEATURES.filter(feature => found.has(feature))].join(' ');
}
