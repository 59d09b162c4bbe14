import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentError } from '../errors.ts';
import { type OptionalName, optionalFolder } from './optional.ts';
import { packageRoot } from './packageRoot.ts';

/** What is fetched; the versions that the conformance suite has run on. */
const packages = {
  tensorflow: ['@tensorflow/tfjs-node@4.22.0'],
  webgpu: ['webgpu@0.6.2', '@tensorflow/tfjs-backend-webgpu@4.22.0'],
} as const;

/** Parts of tfjs that this package has: a second copy would be a second tfjs. */
const ours = ['@tensorflow/tfjs', '@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu'];

/** libtensorflow with its C interface, from PyPI: the smallest wheel that has it. Of any Python: it is only unpacked. */
const wheel = ['tensorflow-cpu==2.13.1', '--python-version', '3.11', '--platform', 'manylinux2014_x86_64'];
const libraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const headers = ['c', 'core/platform', 'tsl'].map(folder => `include/tensorflow/${folder}/`);

/**
 * Fetches the packages of an optional backend from npm, and for `tensorflow` its library from PyPI, into
 * `optionalFolder(name)`; what was there goes. tfjs-node's own installer is not run: it fetches a library of 2022 from elsewhere,
 * and its binding does not load in new Node versions. `say` is told of each step. Throws `AgentError` if one fails.
 */
export async function addBackend(name: OptionalName, say: (step: string) => void): Promise<void> {
  const tools = name === 'tensorflow' ? await tensorflowTools() : undefined; // before anything is fetched or goes
  const folder = optionalFolder(name);
  rmSync(folder, { recursive: true, force: true });
  try {
    say(`npm: ${packages[name].join(', ')}`);
    await fetchPackages(folder, packages[name]);
    if (tools) await bindTensorflow(folder, tools, say);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true }); // nothing half done is found later
    throw error;
  }
}

interface Tools {
  readonly python: string;
  readonly compiler: string;
}

async function tensorflowTools(): Promise<Tools> {
  const { platform, arch } = process;
  if (platform !== 'linux' || arch !== 'x64')
    throw new AgentError(`libtensorflow is fetched for Linux on x86-64 only, this is ${platform} on ${arch}`, [
      ['tfjs-node fetches its own', 'npm i @tensorflow/tfjs-node'],
    ]);
  const compiler = process.env.CXX || 'c++';
  const { code } = await outcome(compiler, ['--version'], packageRoot());
  if (code !== 0)
    throw new AgentError(`tfjs-node is compiled here, and there is no C++ compiler ("${compiler}" does not run)`, [
      ['install it', 'apt-get install g++'],
    ]);
  return { python: await pythonWithPip(), compiler };
}

async function fetchPackages(folder: string, names: readonly string[]): Promise<void> {
  const stand = join(folder, 'ours');
  mkdirSync(stand, { recursive: true });
  writeFileSync(join(stand, 'package.json'), '{ "name": "ours", "version": "4.22.0" }\n');
  const overrides = Object.fromEntries(ours.map(name => [name, 'file:ours']));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ private: true, overrides })}\n`);
  const quiet = ['--ignore-scripts', '--legacy-peer-deps', '--no-package-lock', '--no-audit', '--no-fund'];
  await run('npm', ['install', '--prefix', folder, ...quiet, ...names], folder);
  for (const name of ours) rmSync(join(folder, 'node_modules', name), { recursive: true, force: true });
  rmSync(stand, { recursive: true });
}

/** Unpacks libtensorflow to where tfjs-node looks for it, and compiles tfjs-node's binding against it. */
async function bindTensorflow(folder: string, { python, compiler }: Tools, say: (step: string) => void): Promise<void> {
  const target = join(folder, 'node_modules/@tensorflow/tfjs-node');
  const lib = join(target, 'deps/lib');
  const temporary = mkdtempSync(join(tmpdir(), 'agent-tensorflow-'));
  try {
    say(`PyPI: ${wheel[0]}`);
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--dest', temporary, ...wheel];
    await run(python, pip, folder);
    const [file] = readdirSync(temporary);
    await run(python, ['-c', unpack, join(temporary, file!), lib, ...libraries, ...headers], folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  say(`${compiler}: tfjs-node's binding`);
  const binary = join(target, 'lib/napi-v8');
  mkdirSync(binary, { recursive: true });
  const { include_dir: node } = createRequire(import.meta.url)('node-api-headers') as { include_dir: string };
  const sources = ['backend', 'binding'].map(part => join(target, `binding/tfjs_${part}.cc`));
  const options = ['-std=c++17', '-O2', '-w', '-fPIC', '-shared', '-DNAPI_VERSION=8'];
  const paths = [
    `-I${node}`,
    `-I${join(lib, 'include')}`,
    `-I${target}`,
    `-L${lib}`,
    '-Wl,-rpath,$ORIGIN/../../deps/lib',
  ];
  const linked = libraries.map(library => `-l:${library}`);
  const args = [...options, ...paths, ...sources, ...linked, '-o', join(binary, 'tfjs_binding.node')];
  await run(compiler, args, folder);
  rmSync(join(lib, 'include'), { recursive: true });
}

/** Python that unpacks members of a wheel below `tensorflow/`: whole folders where a name ends in a slash. */
const unpack = `
import os, sys, zipfile
wheel, target, *wanted = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for info in archive.infolist():
        if info.is_dir() or not info.filename.startswith(tuple('tensorflow/' + name for name in wanted)): continue
        info.filename = info.filename[len('tensorflow/'):]
        archive.extract(info, target)
`;

async function pythonWithPip(): Promise<string> {
  const own = join(packageRoot(), '.venv/bin/python');
  for (const python of [...(existsSync(own) ? [own] : []), 'python3']) {
    if ((await outcome(python, ['-m', 'pip', '--version'], packageRoot())).code === 0) return python;
  }
  throw new AgentError('libtensorflow comes from PyPI, and there is no Python with pip', [
    ['install it', 'apt-get install python3-pip'],
  ]);
}

/** Runs a program; throws `AgentError` with the end of what it wrote where it fails. */
async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  const { code, text } = await outcome(program, args, cwd);
  if (code === 0) return;
  if (code === null) throw new AgentError(`${program} does not run: ${text}`);
  const end = text.trim().split('\n').slice(-6).join('\n  ');
  throw new AgentError(`${program} failed (exit ${code}):\n  ${end}`);
}

interface Outcome {
  /** null where the program could not be started. */
  readonly code: number | null;
  readonly text: string;
}

function outcome(program: string, args: readonly string[], cwd: string): Promise<Outcome> {
  return new Promise(resolve => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const keep = (part: Buffer) => {
      text += part.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', error => resolve({ code: null, text: error.message }));
    child.on('close', (code, signal) => resolve({ code: code ?? 1, text: signal ? `${text}\n${signal}` : text }));
  });
}
