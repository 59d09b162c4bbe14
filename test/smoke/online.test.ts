import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Ended, runAgent, startAgent, tiny, workFolder } from './agent.ts';

const cwd = workFolder();
const rows = (run: string): Record<string, number>[] =>
  readFileSync(join(cwd, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));

/** Rows without wall times: what must not depend on when a run was interrupted. */
const numbers = (run: string) =>
  rows(run).map(row =>
    Object.fromEntries(Object.entries(row).filter(([key]) => key !== 'seconds' && !key.startsWith('time/'))),
  );

describe('agent online', () => {
  let first: Ended;
  beforeAll(async () => {
    first = await runAgent(['online', ...tiny, '--run', 'first'], { cwd });
  }, 120_000);

  it('trains, and leaves the run directory of the contract', () => {
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout).toBe('first\n');
    expect(first.stderr).toMatch(/✓ InvertedPendulum-v4 qvpo fast seed 0 {3}120 steps in/);
    for (const name of ['config.json', 'metrics.jsonl', 'checkpoints', 'replay', 'episodes', 'summary.json'])
      expect(existsSync(join(cwd, 'first', name)), name).toBe(true);
    expect(readlinkSync(join(cwd, 'first/checkpoints/last'))).toBe('120');
    expect(['60', '120']).toContain(readlinkSync(join(cwd, 'first/checkpoints/best')));
    const keys = new Set(rows('first').flatMap(row => Object.keys(row)));
    for (const key of [
      'episode/return',
      'eval/return',
      'eval/returnStd',
      'critic/loss',
      'time/actionMicroseconds',
      'time/stepsPerSecond',
      'time/waitFraction',
    ])
      expect(keys).toContain(key);
  });

  it('records every value with its source, and the result', () => {
    const config = JSON.parse(readFileSync(join(cwd, 'first/config.json'), 'utf8'));
    expect(config).toMatchObject({ algo: 'qvpo', task: 'InvertedPendulum-v4', seed: 0, preset: 'fast', steps: 120 });
    expect(config.values).toMatchObject({ candidates: 4, discount: 0.99 });
    expect(config.sources).toMatchObject({ candidates: 'flag', discount: 'default' });
    const summary = JSON.parse(readFileSync(join(cwd, 'first/summary.json'), 'utf8'));
    expect(summary).toMatchObject({ algo: 'qvpo', task: 'InvertedPendulum-v4', seed: 0, steps: 120, updates: 61 });
    expect(summary.eval.last).toMatchObject({ episodes: 2, step: 120 });
    expect(summary.eval.best.return).toBeGreaterThanOrEqual(summary.eval.last.return);
  });

  it('prints one JSON document with --json, and nothing else on stdout', async () => {
    const ended = await runAgent(['online', ...tiny, '--run', 'json', '--json', '--seed', '1'], { cwd });
    expect(ended.code, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ algo: 'qvpo', seed: 1, steps: 120 });
    expect(ended.stderr).toMatch(/step=120 eval\/return=/);
  }, 60_000);

  it('says nothing with --quiet', async () => {
    const ended = await runAgent(['online', ...tiny, '--run', 'quiet', '--quiet'], { cwd });
    expect(ended).toEqual({ code: 0, stdout: 'quiet\n', stderr: '' });
    expect(numbers('quiet')).toEqual(numbers('first')); // same seed, same numbers
  }, 60_000);

  it('Ctrl-C saves and says how to go on; the resumed run ends as if never stopped', async () => {
    const running = startAgent(['online', ...tiny, '--run', 'stopped'], { cwd });
    await running.says(/step=7\d critic\/loss/);
    running.child.kill('SIGINT');
    const stopped = await running.ended;
    expect(stopped.code).toBe(130);
    expect(stopped.stdout).toBe('');
    expect(stopped.stderr).toMatch(/continue {6}agent resume stopped\n$/);
    expect(existsSync(join(cwd, 'stopped/summary.json'))).toBe(false);
    const resumed = await runAgent(['resume', 'stopped', '--dashboard', 'off'], { cwd });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(numbers('stopped')).toEqual(numbers('first'));
  }, 120_000);

  it('goes on with another number of threads when asked to, and ends with the same numbers', async () => {
    const running = startAgent(['online', ...tiny, '--threads', '1', '--run', 'threads'], { cwd });
    await running.says(/step=7\d critic\/loss/);
    running.child.kill('SIGINT');
    await running.ended;
    const resume = ['resume', 'threads', '--threads', '2', '--dashboard', 'off'];
    const refused = await runAgent(resume, { cwd });
    expect(refused.stderr).toMatch(/threads: 1 → 2/);
    expect(refused.code).toBe(2);
    const resumed = await runAgent([...resume, '--accept-changes'], { cwd });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(numbers('threads')).toEqual(numbers('first'));
  }, 120_000);

  it('does not resume a finished run, unless it is to have more steps', async () => {
    const ended = await runAgent(['resume', 'first'], { cwd });
    expect(ended.stderr).toMatch(/first is finished: 120 steps.*agent resume first --steps N/s);
    expect(ended.code).toBe(2);
    await runAgent(['online', ...tiny, '--run', 'longer'], { cwd });
    const resume = (steps: string) => runAgent(['resume', 'longer', '--steps', steps, '--dashboard', 'off'], { cwd });
    const behind = await resume('100');
    expect(behind.stderr).toMatch(/--steps 100: longer has 120 steps behind it/);
    expect(behind.code).toBe(2);
    const longer = await resume('180');
    expect(longer.code, longer.stderr).toBe(0);
    expect(numbers('longer').slice(0, numbers('first').length)).toEqual(numbers('first'));
    expect(rows('longer').at(-1)!.step).toBe(180);
    const { steps, changes } = JSON.parse(readFileSync(join(cwd, 'longer/config.json'), 'utf8'));
    expect(steps).toBe(180);
    expect(changes).toMatchObject([{ step: 120, differences: ['steps: 120 → 180'] }]);
    expect(JSON.parse(readFileSync(join(cwd, 'longer/summary.json'), 'utf8')).steps).toBe(180);
  }, 120_000);
});

describe('agent eval', () => {
  it('prints the fields of the contract', async () => {
    const args = ['eval', 'first', '--episodes', '3', '--checkpoint', 'best', '--seed', '5', '--json'];
    const ended = await runAgent(args, { cwd });
    expect(ended.code, ended.stderr).toBe(0);
    const result = JSON.parse(ended.stdout);
    expect(Object.keys(result).sort()).toEqual(
      ['actionMicroseconds', 'checkpoint', 'episodes', 'lengths', 'return', 'returnStd', 'returns', 'task'].sort(),
    );
    expect(result.episodes).toBe(3);
    expect(result.returns.reduce((sum: number, x: number) => sum + x, 0) / 3).toBeCloseTo(result.return, 10);
    expect(result.actionMicroseconds).toBeGreaterThan(0);
    const again = JSON.parse((await runAgent(args, { cwd })).stdout);
    expect(again.returns).toEqual(result.returns);
  }, 60_000);
});
