import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { needsPython, serve } from '../bridge/server.ts';
import { runAgent, startAgent, workFolder } from './agent.ts';

const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
const cwd = workFolder();

/** The `npx agent …` lines of README's code blocks, comments left out. */
const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap(([, block]) => block!.split('\n'))
  .flatMap(line => /\bnpx agent ([^#]*)/.exec(line)?.[1]?.trim() ?? [])
  .filter((command, index, all) => all.indexOf(command) === index);

/** A hundred steps with small networks in place of the command's own numbers. */
function shortened(command: string, run: string): string[] {
  const words = command.split(/\s+/);
  const small = {
    ...{ '--steps': '100', '--warmup-steps': '80', '--eval-every': '100', '--eval-episodes': '1' },
    ...{ '--hidden': '16', '--batch-size': '16', '--candidates': '4', '--dashboard': 'off', '--run': run },
  };
  const kept = words.filter((word, i) => !(word in small) && !((words[i - 1] ?? '') in small));
  return [...kept, ...Object.entries(small).flat()];
}

describe('every command of README', () => {
  it('is looked at: there are some', () => expect(commands.length).toBeGreaterThanOrEqual(2));

  it.for(commands.filter(command => command.startsWith('online')))(
    'npx agent %s',
    { timeout: 300_000 },
    async (command, context) => {
      const run = join(cwd, command.replace(/\W+/g, '-'));
      const [sim, env] = ['sim', 'env'].map(flag => new RegExp(`--${flag} (\\S+)`).exec(command)?.[1]);
      if (sim) needsPython(context);
      const server = sim ? await serve(env!) : undefined; // README starts one by hand
      try {
        const words = shortened(command, run).map(word => (word === sim ? server!.address : word));
        const ended = await runAgent([...words, '--json'], { cwd });
        expect(ended.code, ended.stderr).toBe(0);
        expect(JSON.parse(ended.stdout)).toMatchObject({ steps: 100 });
      } finally {
        await server?.kill();
      }
    },
  );

  const tabled = [...readme.matchAll(/^\| `npx agent (\w+)/gm)].map(match => match[1]!);
  it.each([...new Set(tabled)])(
    'npx agent %s --help',
    async name => {
      const ended = await runAgent([name, '--help'], { cwd });
      expect(ended.code, ended.stderr).toBe(0);
      expect(ended.stdout).toMatch(new RegExp(`^agent ${name}`));
      expect(ended.stdout).toContain('--json');
    },
    30_000,
  );

  it('doctor reports on this machine', async () => {
    const ended = await runAgent(['doctor', '--json', '--run', cwd], { cwd });
    const report = JSON.parse(ended.stdout);
    const names = report.findings.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['node', 'cpu', 'native', 'wasm', 'mujoco', 'viewer', 'webgpu', 'tensorflow', 'disk']);
    const hurts = report.findings.filter(({ state }: { state: string }) => state === 'hurts').length;
    expect(report.problems).toBe(hurts);
    expect(ended.code).toBe(hurts > 0 ? 1 : 0);
  }, 120_000);

  it('help needs no more than a moment', async () => {
    const begin = performance.now();
    const ended = await runAgent(['--help'], { cwd });
    expect(ended.code).toBe(0);
    for (const name of tabled) expect(ended.stdout).toContain(`  ${name} `);
    const { child, ended: bare } = startAgent(['--help'], { cwd, env: { NODE_DEBUG: 'module' } });
    expect(child.pid).toBeGreaterThan(0);
    expect((await bare).stderr).not.toMatch(/tfjs|mujoco/i); // nothing heavy was loaded
    expect(performance.now() - begin).toBeLessThan(10_000);
  }, 30_000);
});
