import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built, hasChromium, main, openBrowser } from './browser.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

/** The x position shown on the stage, and the step in the header. */
const shown = (page: Page) =>
  page.evaluate(() => ({
    figures: document.querySelector('.stage-figures')?.textContent ?? '',
    step: Number((document.querySelector('.header .step b')?.textContent ?? '').replaceAll(',', '')),
    pill: document.querySelector('.header .pill')?.textContent ?? '',
    world: document.querySelector('.over-left button')?.textContent ?? '',
  }));

/** Seldom enough that the page, drawn in software, gets its work done in between. */
async function until<T>(what: () => Promise<T>, good: (value: T) => boolean, ms = 90_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await what();
    if (good(value)) return value;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(value)}`);
    await new Promise(resolve => setTimeout(resolve, 700));
  }
}

describe.skipIf(!hasChromium || !built).each(['Humanoid-v3', 'antmaze-umaze-v2'])(
  'the viewer beside a training of %s',
  { timeout: 240_000 },
  task => {
    const home = mkdtempSync(join(tmpdir(), 'viewer-e2e-'));
    let trainer: ChildProcess;
    let browser: Awaited<ReturnType<typeof openBrowser>>;
    let url = '';
    let port = 0;
    let log = '';

    beforeAll(async () => {
      port = await freePort();
      const small = [
        '--hidden',
        '16',
        '--batch-size',
        '16',
        '--candidates',
        '4',
        '--uniform-actions',
        '1',
        '--evaluation-candidates',
        '2',
        '--updates-per-step',
        '0.2',
      ];
      const times = [
        '--steps',
        '200000',
        '--warmup-steps',
        '200',
        '--eval-every',
        '2000',
        '--eval-episodes',
        '1',
        '--checkpoint-every',
        '4000',
        '--num-envs',
        '2',
      ];
      trainer = spawn(
        process.execPath,
        [main, 'online', '--env', task, ...small, ...times, '--run', join(home, 'run'), '--dashboard', String(port)],
        { env: { ...process.env, AGENT_HOME: home, NODE_ENV: 'test' }, stdio: ['ignore', 'ignore', 'pipe'] },
      );
      trainer.stderr!.on('data', chunk => {
        log += chunk;
      });
      const tokens = join(home, 'viewer-tokens');
      await until(async () => existsSync(tokens), Boolean);
      url = `http://127.0.0.1:${port}/#token=${readFileSync(tokens, 'utf8').split('\n')[0]}`;
      await until(
        () =>
          fetch(`http://127.0.0.1:${port}/`).then(
            response => response.ok,
            () => false,
          ),
        Boolean,
      );
      browser = await openBrowser();
      await browser.page.goto(url);
    }, 200_000);

    afterAll(async () => {
      await browser?.close();
      trainer?.kill('SIGINT');
      await new Promise(resolve => trainer.once('exit', resolve));
    }, 60_000);

    it('takes the token out of the address and shows the robot moving', async () => {
      const { page, problems } = browser;
      const first = await until(
        () => shown(page),
        ({ pill, step, world }) => pill === 'Live' && step > 0 && /of 2$/.test(world),
      );
      expect(page.url()).not.toContain('token');
      expect(first.world).toMatch(/^Training world 1 of 2/);
      const later = await until(
        () => shown(page),
        ({ step, figures }) => step > first.step && figures !== first.figures,
      );
      expect(later.figures).toMatch(/x .* m {3}v .* m\/s {3}t .* s/);
      expect(problems, log).toEqual([]);
    });

    if (task.startsWith('antmaze'))
      it('colours the way by V once there is a checkpoint', async () => {
        const ends = await until(
          () => browser.page.locator('.path-legend:not([hidden]) .mono').allTextContents(),
          texts => texts.length === 2,
        );
        const [low, high] = ends.map(text => Number(text.replace('−', '-').replace(',', '')));
        expect(high).toBeGreaterThanOrEqual(low!);
        expect(browser.problems, log).toEqual([]);
      });

    it('shows all worlds side by side, and another one of them alone', async () => {
      const { page, problems } = browser;
      const choose = async (label: string) => {
        await page.locator('.over-left button').first().click();
        await page.locator('.menu button', { hasText: label }).click();
      };
      const world = (wanted: string) =>
        until(
          () => shown(page),
          now => now.world === wanted,
        );
      await choose('All worlds side by side');
      await world('2 training worlds');
      await page.evaluate(() => (document.querySelector('.stage-canvas') as HTMLElement).focus());
      await page.keyboard.press('.'); // follows the other one, and shows both
      await world('2 training worlds');
      await choose('Training world 1');
      await world('Training world 1 of 2');
      expect(problems).toEqual([]);
    });

    it('is pushed in a copy of its own, and goes another way', async () => {
      const { page, problems } = browser;
      await until(async () => existsSync(join(home, 'run', 'checkpoints', 'last', 'state.json')), Boolean, 150_000);
      await page.waitForTimeout(3000); // the page hears of it with the next listing
      await page.evaluate(() => (document.querySelector('.stage-canvas') as HTMLElement).focus());
      await page.keyboard.press('t');
      await until(
        () => shown(page),
        ({ world }) => world === 'Your own copy',
        120_000,
      );
      const box = (await page.locator('.stage-canvas').boundingBox())!;
      // A near camera looks at the robot: it stands in the middle, a little higher or lower as it falls.
      await page.keyboard.press(']');
      let pushed = '';
      for (let i = 0; i < 24 && !/ N$/.test(pushed); i++) {
        if (i % 6 === 0) await page.keyboard.press('Backspace');
        await page.mouse.move(
          box.x + box.width * 0.5,
          box.y + box.height * (0.5 + [0, -0.06, 0.06, 0.12, -0.12, 0.18][i % 6]!),
        );
        await page.keyboard.down('Control');
        await page.mouse.down({ button: 'right' });
        await page.mouse.move(box.x + box.width * 0.9, box.y + box.height * 0.3, { steps: 2 });
        pushed = (await page.locator('.push-label').textContent()) ?? '';
        await page.mouse.up({ button: 'right' });
        await page.keyboard.up('Control');
      }
      expect(pushed).toMatch(/^[a-z\d ]+ [1-9][\d,]* N$/);
      await page.keyboard.press('PageDown');
      await page.keyboard.press('Shift+ArrowRight'); // and by keys alone
      expect(await page.locator('.push-label').textContent()).toMatch(/^torso [1-9][\d,]* N$/);
      await page.keyboard.press('t');
      await until(
        () => shown(page),
        ({ world }) => world !== 'Your own copy',
      );
      expect(problems).toEqual([]);
    });

    it('finds its way back after a reload, and with a second tab', async () => {
      const { page, context } = browser;
      const before = await shown(page);
      await page.reload();
      const after = await until(
        () => shown(page),
        ({ step }) => step >= before.step && before.step > 0,
      );
      expect(after.pill).toBe('Live');
      const second = await context.newPage();
      await second.goto(`http://127.0.0.1:${port}/`);
      await until(
        () => shown(second),
        ({ step, pill }) => step > 0 && pill === 'Live',
      );
      await second.close();
    });

    it('says so when the server is gone, keeps the picture, and comes back by itself', async () => {
      const { page } = browser;
      const child = Number(/\d+/.exec(readFileSync(`/proc/${trainer.pid}/task/${trainer.pid}/children`, 'utf8'))?.[0]);
      process.kill(child, 'SIGKILL');
      await until(
        () => shown(page),
        ({ pill }) => pill === 'Not connected',
      );
      expect(await page.locator('.banner').textContent()).toMatch(/Connection lost \d+ s ago/);
      expect(trainer.exitCode).toBeNull(); // training goes on
      const again = spawn(process.execPath, [main, 'view', join(home, 'run'), '--dashboard', String(port)], {
        env: { ...process.env, AGENT_HOME: home },
        stdio: 'ignore',
      });
      try {
        await until(
          () => shown(page),
          ({ pill }) => pill === 'Live',
        );
        expect(await page.locator('.banner').isHidden()).toBe(true);
      } finally {
        again.kill('SIGTERM');
      }
    });
  },
);
