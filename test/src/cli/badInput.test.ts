import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { workFolder } from '../../smoke/agent.ts';

const cwd = workFolder();
writeFileSync(join(cwd, 'misspelt.yaml'), 'env: Hopper-v3\ncandidate: 8\n');
writeFileSync(join(cwd, 'range.yaml'), 'env: Hopper-v3\ntau: 2\n');
writeFileSync(join(cwd, 'broken.yaml'), 'env: [Hopper-v3\n');
mkdirSync(join(cwd, 'elsewhere'));
writeFileSync(join(cwd, 'elsewhere', 'notes.txt'), 'mine');
mkdirSync(join(cwd, 'damaged'));
writeFileSync(join(cwd, 'damaged', 'config.json'), '{"format": 1, "algo"');
mkdirSync(join(cwd, 'newer'));
writeFileSync(join(cwd, 'newer', 'config.json'), '{"format": 999}');
const before = readdirSync(cwd, { recursive: true }).sort();

const cases: readonly (readonly [command: string, code: number, message: RegExp, remedy?: RegExp])[] = [
  ['', 2, /agent COMMAND/],
  ['onlin --env Hopper-v3', 2, /^agent: no command "onlin"$/m, /did you mean {2}agent online/],
  ['online', 2, /^agent: --env ID is missing$/m, /agent env ls/],
  ['online --env Humanod-v3', 2, /^agent: no environment "Humanod-v3"$/m, /Humanoid-v3 {2}Humanoid-v4 {2}Humanoid-v5/],
  ['online --evn Hopper-v3', 2, /^agent: no flag "--evn"$/m, /did you mean {2}--env/],
  ['online --env Hopper-v3 --candidate 8', 2, /^agent: no flag "--candidate"$/m, /--candidates/],
  ['online --env Hopper-v3 --candidates many', 2, /--candidates is "many" \(flag\), a number is wanted/],
  ['online --env Hopper-v3 --candidates 0', 2, /--candidates is "0" \(flag\), a number ≥ 1 is wanted/],
  ['online --env Hopper-v3 --tau 1.5', 2, /--tau is "1.5" \(flag\), a number ≤ 1 is wanted/],
  ['online --env Hopper-v3 --q-transform qavd', 2, /--q-transform is "qavd" \(flag\), one of .*qadv/],
  ['online --env Hopper-v3 --steps', 2, /--steps N: the value is missing/],
  ['online --env Hopper-v3 --steps -5', 2, /--steps is "-5", a number ≥ 1 is wanted/],
  ['online --env Hopper-v3 --steps 1.5', 2, /--steps is "1.5", a whole number is wanted/],
  ['online --env Hopper-v3 --seed x', 2, /--seed is "x", a whole number is wanted/],
  ['online --env Hopper-v3 --num-envs 0', 2, /--num-envs is "0", a number ≥ 1 is wanted/],
  ['online --env Hopper-v3 --preset quick', 2, /--preset is "quick", one of auto, paper, fast/],
  ['online --env Hopper-v3 --backend cuda', 2, /--backend is "cuda", one of auto, native, wasm/],
  ['online --env Hopper-v3 --algo qvop', 2, /^agent: no algorithm "qvop"$/m, /did you mean {2}qvpo/],
  ['online --env Hopper-v3 --env Ant-v3', 2, /--env is given twice/],
  ['online --env Hopper-v3 --sim-options {}', 2, /--sim-options without --sim ADDRESS/],
  ['online --env X --sim tcp://127.0.0.1:1 --sim-options [1]', 2, /--sim-options is \[1\], a map in braces/, /x_init/],
  [
    'env check Hopper-v3 --sim-options {}',
    2,
    /--sim-options with agent env check Hopper-v3/,
    /agent env check ADDRESS/,
  ],
  [
    'online --env Hopper-v3 --solver-calls 7',
    2,
    /--solver-calls has no effect with --sampler ddpm/,
    /--sampler dpm {2}/,
  ],
  [
    'online --env Hopper-v3 --sampler dpm --solver-calls 2',
    2,
    /2 network calls are too few .* of order 3/,
    /4 or more/,
  ],
  ['online --env Hopper-v3 extra', 2, /agent online does not take "extra"/],
  ['online --config @none.yaml', 2, /--config .*none.yaml: no such file/],
  ['online --config @misspelt.yaml', 2, /no setting "candidate" \(config .*misspelt.yaml\)/, /candidates/],
  ['online --config @range.yaml', 2, /--tau is 2 \(config .*range.yaml\), a number ≤ 1 is wanted/],
  ['online --config @broken.yaml', 2, /broken.yaml is no YAML/],
  ['online --env Hopper-v3 --run @elsewhere', 2, /elsewhere exists and is not a run directory/],
  ['resume', 2, /^agent: RUN is missing$/m],
  ['resume @nowhere', 2, /no run ".*nowhere"/],
  ['resume @elsewhere', 2, /elsewhere is not a run directory/],
  ['resume @damaged', 1, /damaged.config.json is damaged/],
  ['resume @newer', 2, /newer has format 999, this version reads \d+/],
  ['eval @nowhere', 2, /no run ".*nowhere"/],
  ['eval @elsewhere --episodes 0', 2, /--episodes is "0", a number ≥ 1 is wanted/],
  ['eval @elsewhere --checkpoint first', 2, /--checkpoint is "first", last, best or a step is wanted/],
];

/** Runs a command line in this process; `@` in a word stands for the folder of the test. */
async function call(words: readonly string[]) {
  const written = { stdout: '', stderr: '' };
  const output = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const io = { stdout: output('stdout'), stderr: output('stderr'), env: {} };
  const code = await main(
    words.map(word => word.replace('@', `${cwd}/`)),
    io,
  );
  return { code, ...written };
}

describe('bad input', () => {
  it.each(cases.map(([command, ...rest]) => [command, rest] as const))('agent %s', async (command, rest) => {
    const [code, message, remedy] = rest;
    const ended = await call(command === '' ? [] : command.split(' '));
    expect(ended.stderr).toMatch(message);
    if (remedy) expect(ended.stderr).toMatch(remedy);
    expect(ended.stderr).not.toMatch(/^\s+at /m); // no stack
    expect(ended.stdout).toBe('');
    expect(ended.code).toBe(code);
    expect(readdirSync(cwd, { recursive: true }).sort()).toEqual(before);
  });

  it('a place that cannot be written to leaves nothing and says why', async () => {
    const ended = await call(['online', '--env', 'Hopper-v3', '--run', '/proc/agent-run']);
    expect(ended.stderr).toMatch(/^agent: .*\/proc\//m);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
    expect(ended.code).toBe(1);
  });
});
