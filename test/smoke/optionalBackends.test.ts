import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { type OptionalName, optionalNames } from '../../src/backend/optional.ts';
import { describeOptional } from '../conformance/optional.ts';
import { runAgent, tiny, workFolder } from './agent.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cwd = workFolder();
/** A second installation of this package, whose optional backends may be spoilt. */
const copy = join(cwd, 'copy');

beforeAll(() => {
  for (const part of ['package.json', 'dist/src', 'dist/envs', 'dist/bridge'])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
});

const inCopy = { cwd, main: join(copy, 'dist/src/cli/main.js') };

/** The packages of an optional backend in the copy, without the library of hundreds of megabytes. */
function install(name: OptionalName): string {
  const folder = join(copy, 'dist/optional', name);
  rmSync(folder, { recursive: true, force: true });
  const filter = (file: string) => !/\/deps(\/|$)/.test(file);
  cpSync(join(root, 'dist/optional', name), folder, { recursive: true, filter });
  return join(folder, 'node_modules');
}

for (const name of optionalNames) {
  describeOptional(name, () => {
    it('trains from the command line', { timeout: 600_000 }, async () => {
      const steps = ['--steps', '300', '--warmup-steps', '100', '--eval-every', '150'];
      const rest = tiny.slice(tiny.indexOf('--dashboard'));
      const flags = ['--env', 'InvertedPendulum-v4', '--preset', 'fast', ...steps, ...rest];
      const { code, stderr } = await runAgent(['online', ...flags, '--backend', name, '--run', name], { cwd });
      expect(code, stderr).toBe(0);
      const summary = JSON.parse(readFileSync(join(cwd, name, 'summary.json'), 'utf8'));
      expect(summary).toMatchObject({ backend: name, steps: 300, updates: 201 });
      const rows = readFileSync(join(cwd, name, 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n');
      const losses = rows.map(row => JSON.parse(row)['critic/loss']).filter(loss => loss !== undefined);
      expect(losses.length).toBeGreaterThan(5);
      expect(losses.every(Number.isFinite)).toBe(true);
      expect(losses.at(-1)).toBeLessThan(losses[0]); // it learns what a step is worth
    });
  });
}

describe('an optional backend that cannot start', () => {
  it.each(optionalNames)('%s: is not installed', async name => {
    rmSync(join(copy, 'dist/optional', name), { recursive: true, force: true });
    const { code, stderr, stdout } = await runAgent(['online', ...tiny, '--backend', name, '--run', 'none'], inCopy);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`the backend "${name}" does not start: .*${name === 'webgpu' ? name : 'tfjs-node'}`),
    );
    expect(stderr).toContain(`npx agent doctor --add ${name}`);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(existsSync(join(cwd, 'none'))).toBe(false);
  });

  it('is not added without a compiler, without pip, without npm, or by another name', async () => {
    const none = { ...inCopy, env: { CXX: '/nowhere/c++' } };
    const compiler = await runAgent(['doctor', '--add', 'tensorflow'], none);
    expect(compiler.code).toBe(1);
    expect(compiler.stderr).toMatch(
      /no C\+\+ compiler \("\/nowhere\/c\+\+" does not run\)[\s\S]*apt-get install g\+\+/,
    );
    const pip = await runAgent(['doctor', '--add', 'tensorflow'], {
      ...inCopy,
      env: { CXX: process.execPath, PATH: '' },
    });
    expect(pip.code).toBe(1);
    expect(pip.stderr).toMatch(/no Python with pip[\s\S]*apt-get install python3-pip/);
    const npm = await runAgent(['doctor', '--add', 'webgpu'], { ...inCopy, env: { PATH: '' } });
    expect(npm.code).toBe(1);
    expect(npm.stderr).toMatch(/npm does not run/);
    const other = await runAgent(['doctor', '--add', 'cuda'], inCopy);
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/--add is "cuda", one of webgpu, tensorflow/);
  });
});

describeOptional('tensorflow', () => {
  const binding = (folder: string) => join(folder, '@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node');

  it.each<[string, (folder: string) => void, RegExp]>([
    ['its library is missing', () => {}, /libtensorflow\w*\.so\.2: cannot open shared object file/],
    [
      'its binding is no library',
      folder => writeFileSync(binding(folder), 'spoilt'),
      /tfjs_binding\.node: file too short/,
    ],
    ['its binding is missing', folder => rmSync(binding(folder)), /tfjs_binding\.node\) can not be found/],
  ])('says so where %s, and falls back to nothing', async (_, spoil, cause) => {
    spoil(install('tensorflow'));
    const { code, stderr } = await runAgent(['online', ...tiny, '--backend', 'tensorflow', '--run', 'none'], inCopy);
    expect(code).toBe(1);
    expect(stderr).toMatch(/the backend "tensorflow" does not start: @tensorflow\/tfjs-node: /);
    expect(stderr).toMatch(cause);
    expect(stderr).toContain('npx agent doctor --add tensorflow');
    expect(existsSync(join(cwd, 'none'))).toBe(false);
    const doctor = await runAgent(['doctor', '--json'], inCopy);
    const finding = JSON.parse(doctor.stdout).findings.find(({ name }: { name: string }) => name === 'tensorflow');
    expect(finding).toMatchObject({ state: 'hurts', note: expect.stringMatching(cause) });
  });
});

describeOptional('webgpu', () => {
  it('says so where there is no driver', async () => {
    mkdirSync(dirname(join(copy, 'dist/optional/webgpu')), { recursive: true });
    rmSync(join(copy, 'dist/optional/webgpu'), { recursive: true, force: true });
    symlinkSync(join(root, 'dist/optional/webgpu'), join(copy, 'dist/optional/webgpu'));
    const env = { VK_DRIVER_FILES: '/nowhere.json' };
    const { code, stderr } = await runAgent(['online', ...tiny, '--backend', 'webgpu', '--run', 'none'], {
      ...inCopy,
      env,
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/"webgpu" finds no GPU with a Vulkan driver/);
    expect(stderr).toContain('libvulkan1');
  });
});
