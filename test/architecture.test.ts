import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Arrows point inwards: a layer may import those it names, and all that these may import. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  cli: ['loops', 'envs', 'bridge', 'dashboard', 'backend', 'config'],
  loops: ['algorithms', 'env', 'data', 'runs'],
  algorithms: ['diffusion', 'networks', 'optim', 'config', 'data'],
  diffusion: ['networks', 'tensor'], // a sampler walks through a noise network
  networks: ['tensor'],
  optim: ['tensor'],
  data: ['tensor', 'env'], // a batch is tensors
  tensor: ['backend'],
  backend: [],
  config: [],
  env: [],
  envs: ['env'],
  bridge: ['env'],
  runs: [],
  dashboard: ['runs'],
};

/** What anybody may import: errors, random numbers. */
const everybody = ['src/errors.ts', 'src/random/'];
/** Single files that a layer may import across the arrows, and why. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  backend: ['src/tensor/tf.ts'], // the one door to tfjs, where kernels are registered
  dashboard: ['noiseTime', 'schedules', 'solverPlan'].map(file => `src/diffusion/${file}.ts`), // numbers alone, for its pictures
};

const topLevel = /^(src|envs|bridge|test|docker|README\.md|CHANGELOG\.md|LICENSE|package\.json|package-lock\.json)$/;
const configuration = /^(tsconfig\.json|vitest\.config\.ts|node_modules|dist|runs|\..+)$/;

function filesUnder(folder: string, extension: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith(extension))
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
    .filter(path => !/node_modules|\.venv|(^|\/)build\//.test(path))
    .sort();
}

const sources = ['src', 'envs', 'bridge'].flatMap(folder => filesUnder(folder, '.ts'));
const tests = filesUnder('test', '.ts');
const text = new Map([...sources, ...tests].map(path => [path, readFileSync(join(root, path), 'utf8')]));

/** The layer of a file: `src/loops/online.ts` → `loops`; undefined for `src/errors.ts` and `src/random`. */
function layerOf(path: string): string | undefined {
  const [top, folder, ...rest] = path.split('/');
  if (top !== 'src') return top;
  return rest.length > 0 && folder !== 'random' ? folder : undefined;
}

/** Everything a layer reaches by its arrows, itself included. */
function reach(layer: string, found = new Set<string>()): Set<string> {
  if (found.has(layer)) return found;
  found.add(layer);
  for (const next of arrows[layer] ?? []) reach(next, found);
  return found;
}

/** The modules a file imports: static, re-exported, and dynamic with a literal. */
function importsOf(path: string): string[] {
  const code = text.get(path)!.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const patterns = [/\bfrom\s+'([^']+)'/g, /\bimport\(\s*'([^']+)'\s*\)/g, /^import\s+'([^']+)'/gm];
  return patterns.flatMap(pattern => [...code.matchAll(pattern)].map(match => match[1]!));
}

describe('architecture', () => {
  it.each(sources)('%s imports along the arrows', path => {
    const layer = layerOf(path);
    const wrong = importsOf(path)
      .filter(specifier => specifier.startsWith('.'))
      .map(specifier => relative(root, resolve(root, dirname(path), specifier)))
      .filter(target => !everybody.some(prefix => target.startsWith(prefix)))
      .filter(target => !(layer && exceptions[layer]?.includes(target)))
      .filter(target => !(layer && reach(layer).has(layerOf(target) ?? '')));
    expect(wrong).toEqual([]);
    if (layer) expect(Object.keys(arrows), `layer of ${path}`).toContain(layer);
  });

  it('tfjs comes in through src/tensor/tf.ts alone', () => {
    const importers = sources.filter(path => importsOf(path).some(name => name.startsWith('@tensorflow/')));
    expect(importers.filter(path => path !== 'src/tensor/tf.ts')).toEqual([]);
  });

  it('files stay under 300 lines', () => {
    const long = [...text]
      .filter(([path]) => !/^src\/backend\/kernels\/|\.generated\.ts$/.test(path))
      .filter(([, code]) => code.split('\n').length > 301)
      .map(([path]) => path);
    expect(long).toEqual([]);
  });

  it('an algorithm is a page, under 200 lines', () => {
    const pages = [...text].filter(([path]) => /^src\/algorithms\/[^/]+\.ts$/.test(path));
    expect(pages.filter(([, code]) => code.split('\n').length > 200).map(([path]) => path)).toEqual([]);
  });

  it('no drawer for odds and ends, no barrel', () => {
    const names = sources.filter(path => /(^|\/)(utils?|helpers?|common|misc|index)\.ts$/.test(path));
    expect(names).toEqual([]);
    const barrels = sources.filter(path => {
      const lines = text
        .get(path)!
        .split('\n')
        .filter(line => line.trim() !== '' && !/^\s*(\/\/|\/?\*)/.test(line));
      return (
        lines.length > 0 &&
        lines.every(line => /^(export \{.*\} from|export \* from|export type \{.*\} from)/.test(line))
      );
    });
    expect(barrels).toEqual([]);
  });

  it('randomness and time come in as arguments', () => {
    const pure = /^(src\/(algorithms|diffusion|networks|optim|config|data|env|random)|envs)\//;
    const deadlines = ['src/env/crew.ts']; // notices worker threads that hang
    const clock = /\bMath\.random\b|\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/;
    const without = (path: string) => text.get(path)!.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect(sources.filter(path => /\bMath\.random\b/.test(without(path)))).toEqual([]);
    const timed = sources.filter(path => pure.test(path) && clock.test(without(path)));
    expect(timed.filter(path => !deadlines.includes(path))).toEqual([]);
  });

  it('the top level is fixed', () => {
    const strangers = readdirSync(root).filter(name => !topLevel.test(name) && !configuration.test(name));
    expect(strangers).toEqual([]);
  });

  it('the lockfile names every optional platform package: npm ci refuses it otherwise', () => {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string>; resolved?: string }>;
    };
    const wanted = Object.values(packages).flatMap(entry => Object.keys(entry.optionalDependencies ?? {}));
    const names = Object.keys(packages);
    expect(wanted.filter(name => !names.some(place => place.endsWith(`node_modules/${name}`)))).toEqual([]);
    expect(names.filter(place => packages[place]!.resolved?.startsWith('http'))).toEqual([]);
  });
});
