import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { built, hasChromium, main, openBrowser } from './browser.ts';

const home = mkdtempSync(join(tmpdir(), 'export-'));
const env = { ...process.env, AGENT_HOME: home };
const agent = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { env, encoding: 'utf8' });
afterAll(() => rmSync(home, { recursive: true }));

describe.skipIf(!built)('agent export --format html', { timeout: 120_000 }, () => {
  const run = join(home, 'run');
  const small = ['--hidden', '16', '--batch-size', '16', '--warmup-steps', '100', '--updates-per-step', '0.1'];
  const short = ['--steps', '300', '--eval-every', '150', '--eval-episodes', '1', '--checkpoint-every', '150'];

  it('writes one file into the run, with its size and what it holds', () => {
    execFileSync(
      process.execPath,
      [main, 'online', '--env', 'Hopper-v4', ...small, ...short, '--run', run, '--dashboard', 'off', '--quiet'],
      { env },
    );
    const { stdout, status } = agent('export', run, '--format', 'html', '--json');
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result.file).toBe(join(run, 'policy.html'));
    expect(result.bytes).toBe(statSync(result.file).size);
    expect(Object.keys(result.parts)).toEqual(['physics', 'policy', 'page']);
  });

  it.skipIf(!hasChromium)('opens from the disk, acts by itself, and asks nobody for anything', async () => {
    const { page, problems, close } = await openBrowser();
    const asked: string[] = [];
    page.on('request', request => asked.push(request.url()));
    try {
      await page.goto(pathToFileURL(join(run, 'policy.html')).href);
      const pill = page.locator('.touch-pill');
      await expect
        .poll(() => pill.textContent(), { timeout: 60_000 })
        .toMatch(/QVPO, K = \d+, [\d.,]+ (µs|ms) an action/);
      const figures = page.locator('.stage-figures');
      const before = await figures.textContent();
      await expect.poll(() => figures.textContent(), { timeout: 10_000 }).not.toBe(before);
      expect(asked.filter(url => !/^(file|blob|data):/.test(url))).toEqual([]);
      expect(asked.filter(url => url.startsWith('file:'))).toHaveLength(1);
      expect(problems).toEqual([]);
    } finally {
      await close();
    }
  });

  it('says what is wrong with a run that is not there, not a run, or has no such checkpoint', () => {
    const cases: [string[], RegExp][] = [
      [['export', join(home, 'runn'), '--format', 'html'], /no run ".*runn"[\s\S]*did you mean.*\/run/],
      [['export', home, '--format', 'html'], /is not a run directory/],
      [['export', run, '--format', 'pdf'], /--format is "pdf"/],
      [['export', run], /--format is missing/],
      [['export', run, '--format', 'html', '--checkpoint', '7'], /7/],
      [['export', run, '--format', 'html', '--checkpoint', 'old'], /--checkpoint is "old"/],
    ];
    for (const [args, message] of cases) {
      const { status, stderr } = agent(...args);
      expect(stderr).toMatch(message);
      expect([1, 2], stderr).toContain(status);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
    writeFileSync(join(home, 'wall'), '');
    const { status, stderr } = agent('export', run, '--format', 'html', '--out', join(home, 'wall', 'x.html'));
    expect(stderr).toMatch(/cannot be written/);
    expect(status).toBe(1);
  });
});
