import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { AlgorithmDefinition } from '../../../src/algorithms/algorithm.ts';
import { Input } from '../../../src/cli/command.ts';
import { readConfigFile, withConfigFile } from '../../../src/cli/configFile.ts';
import { findAlgorithm, hyperparameterOptions, resolveHyperparameters } from '../../../src/cli/flags.ts';
import { optionLines } from '../../../src/cli/help.ts';
import { choice, count, param, table } from '../../../src/config/hyperparameters.ts';

const folder = mkdtempSync(join(tmpdir(), 'agent-flags-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const hyperparameters = table(
  {
    candidates: count(64, 'actions sampled per state'),
    entropyWeight: param(0.02, 'weight of the uniform actions', { min: 0 }),
    schedule: choice('cosine', ['cosine', 'linear'], 'noise schedule'),
    deterministic: param(false, 'no noise'),
  },
  {
    presets: { fast: { candidates: 8, schedule: 'linear' } },
    tasks: { 'Humanoid-v5': { entropyWeight: 0.005 }, 'Ant-v5': { entropyWeight: 0.005, candidates: 16 } },
  },
);
const options = hyperparameterOptions(hyperparameters);

describe('hyperparameters as flags', () => {
  it('are listed with default, meaning and what tasks and presets change', () => {
    expect(optionLines(options)).toEqual([
      '  --candidates      64      actions sampled per state        Ant-v5: 16, fast: 8',
      '  --entropy-weight  0.02    weight of the uniform actions    Humanoid-v5 Ant-v5: 0.005',
      '  --schedule        cosine  noise schedule (cosine, linear)  fast: linear',
      '  --deterministic   false   no noise',
    ]);
  });

  it('a flag beats the file, the file the task, the task the preset, the preset the default', () => {
    const config = readConfigFile(file('a.yaml', 'entropy-weight: 0.3\nschedule: linear\n'));
    const input = new Input([], { 'entropy-weight': '0.4', env: 'Ant-v5' });
    const { values, sources } = resolveHyperparameters(hyperparameters, {
      input,
      file: config,
      task: 'Ant-v5',
      preset: 'fast',
    });
    expect(values).toEqual({ candidates: 16, entropyWeight: 0.4, schedule: 'linear', deterministic: false });
    expect(sources).toEqual({
      candidates: 'task Ant-v5',
      entropyWeight: 'flag',
      schedule: `config ${config.path}`,
      deterministic: 'default',
    });
  });

  it.each([
    [{ candidates: '1.5' }, '--candidates is "1.5" (flag), a whole number is wanted'],
    [{ candidates: '0' }, '--candidates is "0" (flag), a number ≥ 1 is wanted'],
    [{ 'entropy-weight': '-1' }, '--entropy-weight is "-1" (flag), a number ≥ 0 is wanted'],
    [{ 'entropy-weight': '' }, '--entropy-weight is "" (flag), a number is wanted'],
    [{ schedule: 'cosin' }, '--schedule is "cosin" (flag), one of cosine, linear is wanted'],
    [{ deterministic: 'yes' }, '--deterministic is "yes" (flag), true or false is wanted'],
  ])('refuses %j', (given, message) => {
    const call = { input: new Input([], given as Record<string, string>), task: 'Hopper-v3', preset: 'fast' };
    expect(() => resolveHyperparameters(hyperparameters, call)).toThrow(message);
  });
});

describe('a config file', () => {
  const common = [
    { name: 'env', value: 'ID', doc: '' },
    { name: 'eval-every', value: 'N', doc: '' },
  ];

  it('takes keys in kebab-case and lowerCamel; flags win', () => {
    const config = readConfigFile(file('b.yaml', 'env: Hopper-v3\nevalEvery: 500\ncandidates: 8\n'));
    const merged = withConfigFile(new Input([], { env: 'Ant-v3' }), config, common, options);
    expect(merged.given).toEqual({ env: 'Ant-v3', 'eval-every': '500' });
  });

  it.each([
    ['candidate: 8', /^no setting "candidate" \(config .*c\.yaml\)$/],
    ['evalEvery: [1, 2]', /evalEvery is \[1,2\], a number, text, true or false is wanted/],
    ['candidates: {a: 1}', /candidates is \{"a":1\}/],
    ['evalEvery: null', /evalEvery is null/],
    ['eval-every: 1\nevalEvery: 2', /evalEvery stands there twice/],
    ['- 1\n- 2', /is not a list of "key: value" lines/],
    ['just words', /is not a list of "key: value" lines/],
    ['', /is not a list of "key: value" lines/],
    ['a: [1', /is no YAML/],
    ['constructor: 1', /no setting "constructor"/],
    ['__proto__: 1', /no setting "__proto__"|stands there twice/],
  ])('is refused: %j', (text, message) => {
    const path = file('c.yaml', text);
    expect(() => withConfigFile(new Input([], {}), readConfigFile(path), common, options)).toThrow(message);
    expect(() => withConfigFile(new Input([], {}), readConfigFile(path), common, options)).toThrow(
      expect.objectContaining({ exitCode: 2 }),
    );
  });

  it('must exist', () => {
    expect(() => readConfigFile(join(folder, 'none.yaml'))).toThrow(/no such file/);
  });
});

it('an algorithm is found in any case, and refused with the nearest names', () => {
  const define = (name: string, kind: 'online' | 'offline') =>
    [name, { name, kind, title: '', hyperparameters } as unknown as AlgorithmDefinition] as const;
  const algorithms = new Map([define('qvpo', 'online'), define('sac', 'online'), define('srpo', 'offline')]);
  expect(findAlgorithm(algorithms, 'QVPO', 'online').name).toBe('qvpo');
  expect(() => findAlgorithm(algorithms, 'qvop', 'online')).toThrow(
    expect.objectContaining({
      message: 'no algorithm "qvop"',
      exitCode: 2,
      remedies: [
        ['did you mean', 'qvpo'],
        ['all of them', 'qvpo  sac'],
      ],
    }),
  );
  expect(() => findAlgorithm(algorithms, 'srpo', 'online')).toThrow('srpo trains offline');
});
