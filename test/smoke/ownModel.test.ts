import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readModelFile } from '../../envs/mujoco/mujoco.ts';
import { type Ended, runAgent, tiny, workFolder } from './agent.ts';

const cwd = workFolder();
const numbers = (run: string) =>
  readFileSync(join(cwd, run, 'metrics.jsonl'), 'utf8').replace(/"(seconds|time\/\w+)":[^,}]*/g, '');

beforeAll(async () => {
  const pendulum = await readModelFile('invertedPendulum.xml');
  const heavier = pendulum.replace('<geom', '<geom density="3000"');
  if (heavier === pendulum) throw new Error('the model has no geom');
  writeFileSync(join(cwd, 'heavy.xml'), heavier);
  writeFileSync(join(cwd, 'hopper.xml'), await readModelFile('hopper.xml'));
  writeFileSync(join(cwd, 'broken.xml'), '<mujoco><worldbody><body>');
});

describe('agent online --model FILE', { timeout: 120_000 }, () => {
  let own: Ended;
  beforeAll(async () => {
    own = await runAgent(['online', ...tiny, '--model', 'heavy.xml', '--run', 'own', '--json'], { cwd });
  }, 120_000);

  it('trains on the model, which configuration, name and result state', async () => {
    expect(own.code, own.stderr).toBe(0);
    const task = 'InvertedPendulum-v4+heavy.xml';
    expect(JSON.parse(own.stdout)).toMatchObject({
      task,
      environment: { id: task, model: 'heavy.xml' },
    });
    const config = JSON.parse(readFileSync(join(cwd, 'own/config.json'), 'utf8'));
    expect(config.task).toBe(task);
    expect(config.options.model).toMatchObject({ task: 'InvertedPendulum-v4', file: 'heavy.xml' });
    const usual = await runAgent(['online', ...tiny, '--run', 'usual'], { cwd });
    expect(usual.code, usual.stderr).toBe(0);
    expect(numbers('own')).not.toBe(numbers('usual'));
    const unnamed = await runAgent(['online', ...tiny, '--model', 'heavy.xml'], { cwd });
    expect(unnamed.stdout).toMatch(/^runs\/qvpo-invertedpendulum-v4-heavy\.xml-\d{4}-\w{4}\n$/);
    expect(numbers(unnamed.stdout.trim())).toBe(numbers('own'));
  });

  it('needs the file no more: the run is evaluated and resumed without it', async () => {
    const text = readFileSync(join(cwd, 'heavy.xml'));
    rmSync(join(cwd, 'heavy.xml'));
    const ended = await runAgent(['eval', 'own', '--episodes', '2', '--json'], { cwd });
    expect(JSON.parse(ended.stdout).lengths).toHaveLength(2);
    const expected = numbers('own');
    rmSync(join(cwd, 'own/summary.json'));
    for (const step of ['120', 'last', 'best'])
      rmSync(join(cwd, 'own/checkpoints', step), { recursive: true, force: true });
    const resumed = await runAgent(['resume', 'own', '--dashboard', 'off'], { cwd });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(numbers('own')).toBe(expected);
    writeFileSync(join(cwd, 'heavy.xml'), text);
  });

  it.each([
    ['none.xml', /^agent: none\.xml cannot be read: ENOENT/],
    ['broken.xml', /^agent: broken\.xml: the model does not compile: .*XML/],
    ['hopper.xml', /^agent: hopper\.xml: the model has 6 positions, InvertedPendulum-v4 needs 2$/m],
    ['heavy.xml --physics legacy', /^agent: legacy physics are masses of the task’s own bodies/],
    ['heavy.xml --sim tcp://127.0.0.1:1', /^agent: --model with --sim/],
  ])('refuses %s and leaves nothing', async (words, message) => {
    const before = readdirSync(cwd);
    const ended = await runAgent(['online', ...tiny, '--run', 'bad', '--model', ...words.split(' ')], { cwd });
    expect(ended.stderr).toMatch(message);
    expect({ code: ended.code, stdout: ended.stdout, left: readdirSync(cwd) }).toEqual({
      code: 2,
      stdout: '',
      left: before,
    });
  });
});

describe('a run that never began', { timeout: 120_000 }, () => {
  it('leaves its name free', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise(done => taken.once('listening', done));
    const { port } = taken.address() as { port: number };
    const args = tiny.map(word => (word === 'off' ? String(port) : word));
    const ended = await runAgent(['online', ...args, '--run', 'early'], { cwd });
    taken.close();
    expect(ended.code, ended.stderr).toBe(1);
    expect(existsSync(join(cwd, 'early'))).toBe(false);
    const again = await runAgent(['online', ...tiny, '--run', 'early'], { cwd });
    expect(again.code, again.stderr).toBe(0);
  });
});
