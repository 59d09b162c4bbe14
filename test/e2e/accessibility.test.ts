import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built, hasChromium, main, openBrowser } from './browser.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What the checker finds wrong with the page as it is now. */
const violations = (page: Page) =>
  page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const { violations } = await axe.run(document);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.target.join(' ')).join(', ')}`);
  });

describe.skipIf(!hasChromium || !built)('the viewer for everybody', { timeout: 300_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'access-'));
  const run = join(home, 'run');
  const env = { ...process.env, AGENT_HOME: home };
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  let viewer: ReturnType<typeof spawn>;

  beforeAll(async () => {
    const small = ['--hidden', '16', '--batch-size', '16', '--warmup-steps', '100', '--updates-per-step', '0.1'];
    const short = ['--steps', '300', '--eval-every', '150', '--eval-episodes', '1', '--checkpoint-every', '150'];
    const call = ['online', '--env', 'Hopper-v4', ...small, ...short, '--run', run, '--dashboard', 'off', '--quiet'];
    execFileSync(process.execPath, [main, ...call], { env });
    viewer = spawn(process.execPath, [main, 'view', run, '--dashboard', '0'], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const url = await new Promise<string>(resolve => viewer.stdout!.once('data', data => resolve(String(data).trim())));
    browser = await openBrowser();
    await browser.page.goto(url);
    await browser.page.locator('.chart-value').first().waitFor();
    await browser.page.evaluate(axe);
  }, 200_000);

  afterAll(async () => {
    await browser?.close();
    viewer?.kill('SIGTERM');
    rmSync(home, { recursive: true, force: true });
  });

  it.each([
    [1280, 800, 'dark'],
    [1280, 800, 'light'],
    [390, 844, 'dark'],
    [390, 844, 'light'],
  ])('%d × %d, %s: every view passes axe, and none is wider than the screen', async (width, height, theme) => {
    const { page, problems } = browser;
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: theme as 'dark' | 'light' });
    for (const key of ['2', '3', '4', '1']) {
      await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
      await page.keyboard.press(key);
      await page.waitForTimeout(1500);
      expect(await violations(page), `view ${key}`).toEqual([]);
      const overflow = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      expect(overflow[0], `view ${key}`).toBe(overflow[1]);
      const outside = await page.evaluate(() =>
        Array.from(document.querySelectorAll<HTMLElement>('header button, header input, nav button'))
          .filter(element => element.offsetParent !== null)
          .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
          .map(element => element.textContent),
      );
      expect(outside, `view ${key}`).toEqual([]);
    }
    expect(problems).toEqual([]);
  });

  it.each(['Diffusion', 'Physics', 'Run'])('the inspector’s %s, by keyboard alone, passes axe', async name => {
    const { page } = browser;
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.keyboard.press('1');
    await page.getByRole('tab', { name }).waitFor();
    const focused = () =>
      page.evaluate(() => {
        const { activeElement: element } = document;
        return element?.getAttribute('role') === 'tab' ? element.textContent : '';
      });
    for (let i = 0; i < 60 && (await focused()) !== name; i++) {
      await page.keyboard.press('Tab');
      // The stage keeps Tab for its panels until Escape leaves it.
      if (await page.evaluate(() => document.activeElement?.classList.contains('stage-canvas')))
        await page.keyboard.press('Escape');
    }
    expect(await focused()).toBe(name);
    await page.keyboard.press('Enter');
    expect(await page.getByRole('tab', { name }).getAttribute('aria-selected')).toBe('true');
    await page.waitForTimeout(500);
    expect(await violations(page)).toEqual([]);
  });

  it('the lanes of the timeline zoom with the wheel and with keys, and show all again', async () => {
    const { page } = browser;
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.keyboard.press('1');
    const [range, axis] = [page.locator('.lane-range'), page.locator('.lane-axis')];
    const [training, episode] = [page.locator('.lane.training'), page.locator('.lane.episode')];
    await expect.poll(() => axis.textContent()).toMatch(/s$/); // an episode is shown
    expect(await range.textContent()).toBe('');
    await training.hover();
    for (let i = 0; i < 5; i++) await page.mouse.wheel(0, -200);
    await expect.poll(() => range.textContent()).toMatch(/^1\d\d – 2\d\d$/); // the middle of 300 steps
    await training.focus();
    await page.keyboard.press('0');
    await expect.poll(() => range.textContent()).toBe('');
    await episode.focus();
    const whole = await axis.textContent();
    for (let i = 0; i < 3; i++) await page.keyboard.press('+');
    await expect.poll(() => axis.textContent()).not.toBe(whole);
    await page.keyboard.press('0');
    await expect.poll(() => axis.textContent()).toBe(whole);
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  });

  it('the palette and the sheet of keys open, pass axe, run a command and close by keyboard', async () => {
    const { page } = browser;
    await page.keyboard.press('Control+k');
    await page.locator('.palette input').waitFor();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.type('Runs');
    await page.keyboard.press('Enter');
    await page.locator('.run-table').first().waitFor();
    expect(await page.locator('.palette').count()).toBe(0);
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.keyboard.press('?');
    await page.getByText('All keys').first().waitFor();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await expect.poll(() => page.locator('.veil').count()).toBe(0);
  });

  it('every command of the page does something by keyboard alone', async () => {
    const { page, problems } = browser;
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.keyboard.press('1');
    await page.getByRole('tab', { name: 'Curves' }).click(); // where a pinned chart is seen
    await page.keyboard.press('Control+k');
    await page.locator('.palette li').first().waitFor();
    const commands = await page.locator('.palette li').evaluateAll(items =>
      items.map(item => ({
        label: item.querySelector('span')?.textContent ?? '',
        key: item.querySelector('kbd')?.textContent ?? '',
      })),
    );
    await page.keyboard.press('Escape');
    expect(commands.length).toBeGreaterThan(30);
    /** All that a person could notice, but for the picture of the robot itself. */
    const seen = (frames: boolean) =>
      page.evaluate(frames => {
        const all = (selector: string) =>
          Array.from(document.querySelectorAll(selector), element => [
            element.textContent,
            element.className,
            element.getAttribute('aria-pressed'),
            element.getAttribute('data-running'),
            element.getAttribute('aria-valuenow'),
          ]);
        const { theme } = document.documentElement.dataset;
        return JSON.stringify([
          theme,
          document.querySelector('.app')?.className,
          (document.querySelector('.app') as HTMLElement).dataset.view,
          document.fullscreenElement?.className,
          all('.stage-panel button, .toast, .keys h2, section.card'),
          frames ? all('[role=slider]') : '', // they move by themselves while it plays; the time shown is rounded
        ]);
      }, frames);
    const names: Record<string, string> = {
      Esc: 'Escape',
      '←': 'ArrowLeft',
      '→': 'ArrowRight',
      '↑': 'ArrowUp',
      '↓': 'ArrowDown',
    };
    const pressed = (key: string) =>
      key
        .replace(/^Pg(Up|Dn)$/, (_, way) => (way === 'Up' ? 'PageUp' : 'PageDown'))
        .split(' ')
        .map(part => names[part] ?? part)
        .join('+');
    let downloads = 0;
    page.on('download', () => downloads++);
    // What is on already does nothing: the view and the run that are shown. The number of a step is typed.
    const idle = /^(Watch|Run: |Go to step)/;
    for (const { label, key } of commands.filter(command => !idle.test(command.label))) {
      await page.evaluate(() => {
        (document.activeElement as HTMLElement | null)?.blur();
        for (const toast of Array.from(document.querySelectorAll('.toast'))) toast.remove(); // they would go by themselves
      });
      const frames = /^(One frame|From the start)/.test(label);
      if (label === 'From the start' || label === 'One frame back') await page.keyboard.press('ArrowRight');
      await page.waitForTimeout(350); // numbers follow four times a second
      await page.evaluate(() => {
        for (const toast of Array.from(document.querySelectorAll('.toast'))) toast.remove(); // of that key
      });
      const before = await seen(frames);
      if (key) await page.keyboard.press(pressed(key));
      else {
        await page.keyboard.press('Control+k');
        await page.keyboard.type(label);
        await page.keyboard.press('Enter');
      }
      await expect
        .poll(async () => downloads > 0 || (await seen(frames)) !== before, { timeout: 20_000, message: label })
        .toBe(true);
      downloads = 0;
      // Back to where the next command finds the page as the last one did.
      if (label === 'Play or pause' || /^(Touch|Full screen|Light or dark)/.test(label)) {
        await page.waitForTimeout(500);
        if (key && label !== 'Play or pause') await page.keyboard.press(key);
      }
      if (label === 'All keys') await page.keyboard.press('Escape');
      if (['Curves', 'Diffusion', 'Runs'].includes(label)) await page.keyboard.press('1');
    }
    expect(problems).toEqual([]);
  });
});
