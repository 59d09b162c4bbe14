import { describe, expect, it } from 'vitest';
import { type Command, parse } from '../../../src/cli/command.ts';
import { commandHelp } from '../../../src/cli/help.ts';

const command: Command = {
  name: 'fly',
  args: 'RUN',
  maxArgs: 1,
  options: [
    { name: 'env', value: 'ID', doc: 'the task' },
    { name: 'steps', value: 'N', doc: 'how long' },
    { name: 'force', doc: 'a switch' },
    { name: 'deterministic', value: 'true|false', bare: true, doc: 'a boolean hyperparameter' },
  ],
  run: async () => 0,
};

describe('parse', () => {
  it('takes words and flags in any order, with a space or an equals sign', async () => {
    const input = await parse(command, ['--env', 'Hopper-v3', 'runs/x', '--steps=1e6', '--force', '--deterministic']);
    expect(input.args).toEqual(['runs/x']);
    expect(input.given).toEqual({ env: 'Hopper-v3', steps: '1e6', force: 'true', deterministic: 'true' });
    expect(input.count('steps')).toBe(1_000_000);
    expect(input.argv).toContain('--steps=1e6');
    expect((await parse(command, ['--steps', '-5'])).text('steps')).toBe('-5');
    expect((await parse(command, ['--', '--odd'])).args).toEqual(['--odd']);
  });

  it.each([
    [['--evn', 'Hopper-v3'], 'no flag "--evn"', [['did you mean', '--env']]],
    [['-s', '5'], 'no flag "-s"', []],
    [['--steps'], '--steps N: the value is missing', []],
    [['--steps', '--force'], '--steps N: the value is missing', []],
    [['--force=yes'], '--force takes no value', []],
    [['--env', 'a', '--env', 'b'], '--env is given twice', []],
    [['a', 'b'], 'agent fly does not take "b"', [['usage', 'agent fly RUN']]],
  ])('refuses %j', async (argv, message, remedies) => {
    await expect(parse(command, argv)).rejects.toMatchObject({ message, remedies, exitCode: 2 });
  });

  it.each([
    ['ten', '--steps is "ten", a whole number is wanted'],
    ['1.5', '--steps is "1.5", a whole number is wanted'],
    ['0', '--steps is "0", a number ≥ 1 is wanted'],
    ['', '--steps is "", a whole number is wanted'],
    ['Infinity', '--steps is "Infinity", a whole number is wanted'],
    ['1e30', '--steps is "1e30", a whole number is wanted'],
  ])('refuses --steps %j', async (text, message) => {
    const input = await parse(command, [`--steps=${text}`]);
    expect(() => input.count('steps')).toThrow(message);
  });

  it('asks for more flags with what is given', async () => {
    const withMore: Command = {
      ...command,
      moreOptions: async given => (given.env ? [{ name: `only-${given.env}`, value: 'X', doc: '' }] : []),
    };
    const input = await parse(withMore, ['--only-hopper', '3', '--env', 'hopper']);
    expect(input.text('only-hopper')).toBe('3');
    await expect(parse(withMore, ['--only-hopper', '3'])).rejects.toThrow('no flag "--only-hopper"');
  });
});

it('help lists the flags in columns, hyperparameters in a block of their own', () => {
  const hyperparameters = [
    { name: 'candidates', value: 'N', default: '64', doc: 'actions sampled per state', note: 'Hopper-v3: 32' },
    { name: 'tau', value: 'X', default: '0.005', doc: 'Polyak rate' },
  ];
  const small: Command = { ...command, options: command.options.slice(0, 1), examples: ['agent fly runs/x'] };
  expect(commandHelp(small, 'flies', hyperparameters, 'hyperparameters of qvpo')).toBe(
    `agent fly RUN [flags]

  flies

  --env ID  the task
  --json    the result as one JSON document on stdout
  --quiet   errors only
  --help    this text

  hyperparameters of qvpo

  --candidates  64     actions sampled per state  Hopper-v3: 32
  --tau         0.005  Polyak rate

  agent fly runs/x
`,
  );
});
