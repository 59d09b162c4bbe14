import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { built, hasChromium, main, openBrowser } from './browser.ts';

describe.skipIf(!hasChromium || !built)('the figures of agent toy', { timeout: 240_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'toy-'));
  const run = join(home, 'toy');
  const env = { ...process.env, AGENT_HOME: home };
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it('are shown by agent view, and the slider moves the policies', async () => {
    const sizes = ['--steps', '60', '--bandit-steps', '20'];
    const text = execFileSync(process.execPath, [main, 'toy', 'moons', ...sizes, '--run', run, '--json', '--quiet'], {
      env,
      encoding: 'utf8',
    });
    expect(JSON.parse(text)).toMatchObject({
      run,
      files: [expect.stringMatching('planar'), expect.stringMatching('bandit')],
    });
    const viewer = spawn(process.execPath, [main, 'view', run, '--dashboard', '0'], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const { page, problems, close } = await openBrowser();
    try {
      const url = await new Promise<string>(resolve =>
        viewer.stdout.once('data', data => resolve(String(data).trim())),
      );
      await page.goto(url);
      await expect.poll(() => page.locator('.paper > img').count(), { timeout: 30_000 }).toBe(3);
      const images = page.locator('.paper > img');
      const sizesShown = await images.evaluateAll(all =>
        all.map(image => [(image as HTMLImageElement).naturalWidth > 100, image.clientHeight > 100]),
      );
      expect(sizesShown.flat()).not.toContain(false);
      const over = page.locator('.over-paper');
      const before = await over.screenshot();
      await page.locator('input[type=range]').fill('0');
      await page.waitForTimeout(500);
      expect(before.equals(await over.screenshot())).toBe(false);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'SVG' }).first().click(),
      ]);
      expect(readFileSync(await download.path(), 'utf8')).toBe(
        readFileSync(join(run, 'figures', download.suggestedFilename()), 'utf8'),
      );
      await page.keyboard.press('2'); // the curves of a run without evaluations
      await expect.poll(() => page.locator('.compare-top h2').first().textContent()).toBe('behavior/loss');
      expect(problems).toEqual([]);
    } finally {
      await close();
      viewer.kill('SIGTERM');
    }
  });

  it('are served while they are made, unless the viewer is off', async () => {
    const toy = (...more: string[]) =>
      spawn(process.execPath, [main, 'toy', 'moons', '--steps', '400', '--run', join(home, more[1]!), ...more], {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    const training = toy('--dashboard', '0');
    try {
      const address = /view (http:\S+)\/#token=/;
      let said = '';
      const [, url] = await new Promise<RegExpExecArray>(found =>
        training.stderr.on('data', data => {
          said += data;
          const match = address.exec(said);
          if (match) found(match);
        }),
      );
      expect(training.exitCode).toBeNull();
      expect((await fetch(`${url}/`)).status).toBe(200);
    } finally {
      training.kill('SIGKILL');
    }
    const quiet = toy('--dashboard', 'off');
    let said = '';
    quiet.stderr.on('data', data => {
      said += data;
    });
    await expect.poll(() => said, { timeout: 60_000 }).toMatch(/moons/);
    quiet.kill('SIGKILL');
    expect(said).not.toMatch(/http/);
  });

  it.each(['resume', 'eval', 'export'])('are no policy: agent %s says so', command => {
    try {
      execFileSync(process.execPath, [main, command, run, ...(command === 'export' ? ['--format', 'onnx'] : [])], {
        env,
        encoding: 'utf8',
        stdio: 'pipe',
      });
      expect.unreachable();
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: string };
      expect(stderr).toMatch(/holds the figures of agent toy, no policy\n\s+look at them\s+agent view/);
      expect(status).toBe(2);
    }
  });
});
