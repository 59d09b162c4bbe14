import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built, hasChromium, main, openBrowser } from './browser.ts';

const home = mkdtempSync(join(tmpdir(), 'control-'));
const env = { ...process.env, AGENT_HOME: home };
const small = ['--hidden', '32', '--batch-size', '128']; // slow enough to be caught while it trains
const often = ['--eval-episodes', '1', '--eval-every', '100000', '--checkpoint-every', '200', '--backend', 'wasm'];

const trainings = [
  {
    kind: 'online',
    call: ['--env', 'Hopper-v4', ...small, '--steps', '1800', '--warmup-steps', '100', '--candidates', '4'],
    tuned: { policyLearningRate: 0.01, entropyWeight: 0.5 },
  },
  {
    kind: 'offline', // from the replay of the run above
    call: [
      '--dataset',
      join(home, 'online'),
      ...small,
      '--behavior-steps',
      '100',
      '--critic-steps',
      '100',
      '--policy-steps',
      '4000',
    ],
    tuned: { policyLearningRate: 0.01 },
  },
] as const;

describe.skipIf(!hasChromium || !built).each(trainings)(
  'steering an $kind training by clicks',
  { timeout: 300_000 },
  ({ kind, call, tuned }) => {
    const run = join(home, kind);
    let trainer: ChildProcess;
    let ended: Promise<number | null>;
    let browser: Awaited<ReturnType<typeof openBrowser>>;
    let log = '';

    const rows = (file: string) =>
      readFileSync(join(run, file), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line) as Record<string, unknown>);
    const changes = () => (existsSync(join(run, 'changes.jsonl')) ? rows('changes.jsonl') : []);
    const checkpoints = (of = run) =>
      readdirSync(join(of, 'checkpoints'))
        .filter(name => /^\d+$/.test(name))
        .map(Number)
        .sort((a, b) => a - b);
    const soon = <T>(what: () => T | Promise<T>) => expect.poll(what, { timeout: 45_000, interval: 200 });
    const pill = (page: Page) => page.locator('.header .pill').textContent();
    const step = async (page: Page) =>
      Number((await page.locator('.header .step b').textContent())?.replaceAll(',', '') || Number.NaN);
    const click = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true }).click();

    beforeAll(async () => {
      browser = await openBrowser(['--disable-3d-apis']); // nothing to draw: clicks are quick
      const options = [...call, ...often, '--run', run, '--dashboard', '0', '--control'];
      trainer = spawn(process.execPath, [main, kind, ...options], { env, stdio: ['ignore', 'ignore', 'pipe'] });
      ended = new Promise(resolve => trainer.once('exit', resolve));
      const url = await new Promise<string>((found, failed) => {
        trainer.stderr!.on('data', chunk => {
          log += chunk;
          const match = /http:\/\/\S+/.exec(log);
          if (match) found(match[0]);
        });
        trainer.once('exit', () => failed(new Error(log)));
      });
      await browser.page.goto(url);
    }, 120_000);

    afterAll(async () => {
      await browser?.close();
      trainer?.kill('SIGKILL');
      await ended;
      if (kind === 'offline') rmSync(home, { recursive: true, force: true });
    });

    it('holds it, says so, and lets it take single updates', async () => {
      const { page } = browser;
      await page.getByRole('tab', { name: 'Run' }).click();
      await click(page, 'Pause training');
      await soon(() => pill(page)).toBe('Training paused');
      await soon(() => page.locator('.state-card').textContent()).toMatch(
        /Training is paused at step [\d,]+\.Paused from a viewer at \d\d:\d\d\. Nothing is lost: it goes on from here\./,
      );
      for (let i = 0; i < 3; i++) {
        await click(page, 'One update');
        await soon(() => changes().filter(({ what }) => what === 'update').length).toBe(i + 1);
      }
      await click(page, 'Checkpoint'); // made after one update more
      await soon(() => changes().at(-1)?.what).toBe('checkpoint');
      const [first, second, third] = changes().filter(({ what }) => what === 'update');
      expect([second, third].map(change => Number(change!.step))).toEqual([
        Number(first!.step) + 1,
        Number(first!.step) + 2,
      ]);
      const asked = Number(changes().find(({ what }) => what === 'checkpoint')!.step);
      expect(asked).toBe(Number(first!.step) + 3);
      await soon(() => checkpoints().filter(step => step >= asked)).toHaveLength(1); // held within a step online, between two offline
    });

    it('changes hyperparameters, notes each change, and evaluates', async () => {
      const { page, problems } = browser;
      await click(page, 'Evaluate');
      await soon(() => rows('metrics.jsonl').filter(row => 'eval/return' in row).length).toBe(1);
      for (const [name, value] of Object.entries(tuned)) {
        const row = page.locator('.tunable', { hasText: name });
        await row.locator('input').fill(String(value));
        await row.getByRole('button', { name: 'Set' }).click();
      }
      await click(page, 'One update'); // they hold from the next step on
      await soon(() => changes().filter(({ what }) => String(what) in tuned).length).toBe(Object.keys(tuned).length);
      const made = changes().filter(({ what }) => String(what) in tuned);
      expect(Object.fromEntries(made.map(({ what, to }) => [what, to]))).toEqual(tuned);
      await soon(() => page.locator('.run-panel').textContent()).toMatch(/Changes.*policyLearningRate0\.0003 → 0\.01/);
      // What a killed run finds in its last checkpoint is older than the changes.
      expect(Math.min(...made.map(change => Number(change.step)))).toBeGreaterThanOrEqual(checkpoints().at(-1)!);
      expect(problems).toEqual([]);
    });

    it('ends it when asked twice; resumed, it is the one that was never stopped, changes and all', async () => {
      const { page } = browser;
      const killed = join(home, `${kind}-killed`);
      cpSync(run, killed, { recursive: true, verbatimSymlinks: true }); // as if it had been killed here, after the changes
      rmSync(join(killed, '.lock'), { recursive: true });
      const before = await step(page);
      await click(page, 'Resume training');
      await soon(() => step(page)).toBeGreaterThan(before);
      await click(page, 'End run…');
      await click(page, 'End it: a checkpoint is kept');
      expect(await ended).toBe(130);
      expect(changes().at(-1)).toMatchObject({ what: 'end' });
      const finish = (of: string) =>
        execFileSync(process.execPath, [main, 'resume', of, '--dashboard', 'off', '--quiet'], { env });
      finish(run);
      finish(killed);
      const weights = (of: string) => readFileSync(join(of, 'checkpoints', 'last', 'model.safetensors'));
      expect(checkpoints(killed).at(-1)).toBe(checkpoints().at(-1));
      expect(weights(killed).equals(weights(run))).toBe(true);
      expect(existsSync(join(run, 'summary.json'))).toBe(true);
    });
  },
);
