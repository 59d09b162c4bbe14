import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sceneOf } from '../../src/cli/view/sceneOf.ts';
import { startViewer, type Viewer } from '../../src/dashboard/server.ts';
import { built, hasChromium, main, openBrowser, text } from './browser.ts';

const small = ['--hidden', '16', '--batch-size', '16', '--warmup-steps', '100', '--updates-per-step', '0.1'];
const short = ['--steps', '300', '--eval-every', '150', '--eval-episodes', '1', '--checkpoint-every', '150'];

describe.skipIf(!hasChromium || !built)('what the page says of itself', { timeout: 240_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'states-'));
  const runs = join(home, 'runs');
  const empty = join(home, 'empty');
  let browser: Awaited<ReturnType<typeof openBrowser>>;
  let viewer: Viewer;

  const view = (root: string, port = 0) =>
    startViewer({
      roots: [root],
      host: '127.0.0.1',
      port,
      tokens: { view: 'v'.repeat(43), control: 'c'.repeat(43) },
      assets: fileURLToPath(new URL('../../dist/dashboard/', import.meta.url)),
      sceneOf,
    });

  /** Another run like the finished one, changed. */
  const like = (name: string, change: (path: string) => void) => {
    const path = join(runs, name);
    cpSync(join(runs, 'finished'), path, { recursive: true, verbatimSymlinks: true });
    change(path);
  };
  const edit = (path: string, change: (text: string) => string) =>
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  const unfinished = (path: string) => {
    rmSync(join(path, 'summary.json'), { force: true });
    for (const file of ['metrics.jsonl', 'config.json']) utimesSync(join(path, file), 1, 1);
  };

  beforeAll(async () => {
    const call = ['online', '--env', 'Hopper-v4', ...small, ...short, '--dashboard', 'off', '--quiet'];
    execFileSync(process.execPath, [main, ...call, '--run', join(runs, 'finished')], {
      env: { ...process.env, AGENT_HOME: home },
    });
    like('stopped', unfinished);
    like('failed', path => {
      unfinished(path);
      mkdirSync(join(path, 'failures', '900'), { recursive: true });
      writeFileSync(join(path, 'failures', '900', 'message.txt'), 'stopped at step 900: critic/loss is NaN\n');
    });
    like('newer', path => edit(join(path, 'config.json'), text => text.replace(/"format":\s*1/, '"format": 7')));
    like('cut', path => edit(join(path, 'config.json'), text => text.slice(0, 200)));
    like('foreign', path => writeFileSync(join(path, 'config.json'), '{"name": "a web project"}'));
    like('damaged', path => edit(join(path, 'metrics.jsonl'), text => text.replace(/^.*\n/, '{"step": 1, oops\n')));
    like('deleted', () => {});
    like('silent', unfinished);
    mkdirSync(empty);
    viewer = await view(runs);
    browser = await openBrowser();
  }, 200_000);

  afterAll(async () => {
    await browser?.close();
    await viewer?.close();
    rmSync(home, { recursive: true, force: true });
  });

  const reads = (page: Page, selector: string, pattern: RegExp) =>
    expect.poll(() => text(page, selector), { timeout: 30_000, interval: 250 }).toMatch(pattern);

  /** Words cut off or standing over each other: a card's parts lie inside it, and it inside the window. */
  const cutOff = (page: Page) =>
    page.evaluate(() =>
      Array.from(document.querySelectorAll<HTMLElement>('.state-card, .unreadable, .state, .banner'))
        .filter(element => element.checkVisibility())
        .flatMap(card =>
          [card, ...Array.from(card.querySelectorAll<HTMLElement>('*'))].filter(part => {
            const [box, outer] = [part.getBoundingClientRect(), card.getBoundingClientRect()];
            const beyond = box.right > Math.min(innerWidth, outer.right) + 1 || box.bottom > outer.bottom + 1;
            return box.width > 0 && (beyond || part.scrollWidth > part.clientWidth + 1) && part.clientWidth > 0;
          }),
        )
        .map(element => element.outerHTML.slice(0, 80)),
    );

  const choose = async (page: Page, run: string) => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type(`Run: ${run}`);
    await page.keyboard.press('Enter');
  };

  it('a training that says nothing any more, from the first look on', async () => {
    const then = Date.now() / 1000 - 25;
    utimesSync(join(runs, 'silent', 'metrics.jsonl'), then, then);
    const { page } = browser;
    await page.goto(viewer.url);
    await reads(page, '.header', /Hopper/);
    await choose(page, 'silent');
    await reads(page, '.header', /no step for (2[5-9]|[345]\d) s/);
    unfinished(join(runs, 'silent')); // so long ago that it counts as stopped
  });

  it('connecting, then nothing there, then a run that fills the page by itself', async () => {
    const { page, context } = browser;
    const server = await view(empty);
    try {
      const silent = await context.newPage();
      await silent.routeWebSocket(/\/ws$/, () => {}); // a server that says nothing
      await silent.goto(server.url);
      await reads(silent, '.stage-message', /^Connecting$/);
      expect(await text(silent, '.header')).not.toMatch(/Step|Left/);
      await silent.close();
      await page.goto(server.url);
      await reads(page, '.state', /No runs here yet .* npx agent online --env Humanoid-v3 .* Looking in .*empty/);
      expect(await text(page, '.header .pill, .timeline, .stage-message')).toBe('');
      cpSync(join(runs, 'finished'), join(empty, 'one'), { recursive: true, verbatimSymlinks: true });
      await reads(page, '.header .pill', /^Finished$/);
      await reads(page, '.state-card', /Last .* Best .* Replay best Export/);
    } finally {
      await server.close();
    }
  });

  it.each([
    ['finished', 'Finished', '.state-card', /Last .* Best .* @ \d+ .* Replay best Export/],
    [
      'stopped',
      'Stopped',
      '.state-card',
      /Nothing trains this run now .* last row is of step 3\d\d.* agent resume .*stopped/,
    ],
    [
      'failed',
      'Stopped',
      '.state-card',
      /Stopped at step 900: critic\/loss is NaN .* agent resume .*failed Watch the last 2 s/i,
    ],
    [
      'newer',
      'Stopped',
      '.unreadable',
      /format 7, this version reads 1\. Open it with the version that wrote it, 0\.\d+/,
    ],
    [
      'cut',
      'Stopped',
      '.unreadable',
      /config\.json: .* position 200.* put a copy of it back\..* Its curves are shown\. The other runs load/,
    ],
    ['foreign', 'Stopped', '.unreadable', /not a run directory\. Choose a folder that agent wrote/],
    ['damaged', 'Finished', '.inspector .warning', /metrics\.jsonl: line 1 cannot be read, the rest is shown/],
  ] as const)('%s', async (run, pill, where, words) => {
    const { page, problems } = browser;
    if (!page.url().startsWith(`http://127.0.0.1:${viewer.port}`)) await page.goto(viewer.url);
    await reads(page, '.header .pill', /^(Finished|Stopped)$/);
    await choose(page, run);
    await reads(page, where, words);
    expect(await text(page, '.header .pill')).toBe(pill);
    await reads(page, '.chart-value', /\d/); // curves, whatever else is wrong
    for (const [width, height] of [
      [1280, 800],
      [390, 844],
    ] as const) {
      await page.setViewportSize({ width, height });
      await page.waitForTimeout(400);
      expect(await cutOff(page), `${width} wide`).toEqual([]);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    expect(await text(page, '.toast')).toBe('');
    expect(problems).toEqual([]);
  });

  it('does not show the episode of one run in the world of another, however late it comes', async () => {
    const { page, problems } = browser;
    await choose(page, 'finished');
    await reads(page, '.over-left', /Evaluation at/);
    let late = () => {};
    const held = new Promise<void>(resolve => {
      late = resolve;
    });
    await page.route(/deleted.*episodes/, async route => {
      await held;
      await route.continue();
    });
    const asked = page.waitForRequest(/deleted.*episodes/);
    await choose(page, 'deleted');
    await asked;
    await choose(page, 'finished');
    const shown = () => text(page, '.over-left');
    await reads(page, '.over-left', /Evaluation at/);
    const before = await shown();
    late();
    await page.waitForTimeout(1000);
    expect(await shown()).toBe(before);
    expect(await text(page, '.toast')).toBe('');
    await page.unroute(/deleted.*episodes/);
    expect(problems).toEqual([]);
  });

  it('shows the ghost of another checkpoint while it is computed, and takes it away again', async () => {
    const { page, problems } = browser;
    await choose(page, 'finished');
    await reads(page, '.over-left', /Evaluation at/);
    await page.getByRole('button', { name: 'Ghost' }).click();
    await reads(page, '.over-right', /Ghost: step \d+, return \d+/);
    await page.getByRole('button', { name: 'Ghost' }).click();
    await reads(page, '.over-right', /^Ghost Contacts/);
    expect(problems).toEqual([]);
  });

  it('says so when a run is deleted, and keeps its curves', async () => {
    const { page } = browser;
    await choose(page, 'deleted');
    await reads(page, '.header .pill', /^Finished$/);
    await reads(page, '.chart-value', /\d/);
    rmSync(join(runs, 'deleted'), { recursive: true });
    await reads(page, '.unreadable', /deleted is gone\. It was moved or deleted/);
    await reads(page, '.chart-value', /\d/);
    await page.reload(); // the server lives on
    await reads(page, '.header .pill', /^(Finished|Stopped)$/);
    await reads(page, '.stage-figures', /m\/s/); // and all parts of the page have been fetched
  });

  it('says how long the connection has been lost, with its icon, and comes back without a reload', async () => {
    const { page, problems } = browser;
    const { port } = viewer;
    await viewer.close();
    await reads(
      page,
      '.banner',
      /Connection lost \d+ s ago Showing step 3\d\d, the last one received\..* Retry \(\d s\)/,
    );
    expect(await cutOff(page)).toEqual([]);
    const drawn = await page.evaluate(() => {
      const use = document.querySelector<SVGUseElement>('.banner use');
      return document.querySelector(use?.getAttribute('href') ?? 'none')?.tagName;
    });
    expect(drawn).toBe('symbol'); // nothing that would be asked of the server
    viewer = await view(runs, port);
    await reads(page, '.header .pill', /^(Finished|Stopped)$/);
    expect(await text(page, '.banner')).toBe('');
    expect(problems).toEqual([]);
  });

  it('says so when the server goes before the picture has been fetched', async () => {
    const { context, problems } = browser;
    const page = await context.newPage();
    page.on('pageerror', error => problems.push(error.message));
    await page.route(/stage-\w+\.js$/, route => route.abort('connectionrefused'));
    await page.goto(viewer.url);
    await reads(page, '.stage-message', /The picture could not be loaded .* Reload the page/);
    await reads(page, '.chart-value', /\d/);
    await page.close();
    expect(problems).toEqual([]);
  });

  it('lists runs of several seeds in groups, and those it cannot read apart', async () => {
    const { page } = browser;
    await page.keyboard.press('4');
    await reads(page, '.run-table tbody', /SAC|QVPO/);
    // The table is made anew as rows come: read until it stands.
    const row = (name: RegExp) => async () => {
      const rows = await page.locator('.run-table tbody tr').allInnerTexts();
      return rows.map(row => row.replace(/\s+/g, ' ').trim()).find(row => name.test(row));
    };
    await expect.poll(row(/^cut/)).toMatch(/config\.json/);
    await expect.poll(row(/^newer/)).toMatch(/format 7/);
    await expect.poll(row(/^QVPO/)).toMatch(/^QVPO metrics.* 5 [\d,.]+ /); // finished, stopped, failed, damaged, silent
  });

  it('without WebGL and without WASM SIMD: the robot and its copy are missing, and only they', async () => {
    const { page, problems, close } = await openBrowser([
      '--disable-3d-apis',
      '--js-flags=--no-enable-sse4-1 --no-enable-ssse3 --no-enable-avx',
    ]);
    try {
      await page.goto(viewer.url);
      await reads(page, '.stage-message', /This browser has no WebGL 2 The robot cannot be drawn here/);
      await reads(page, '.chart-value', /\d/);
      expect(await page.locator('.card.large canvas').count()).toBeGreaterThan(0);
      await page.keyboard.press('t');
      await reads(page, '.toast', /no picture of the robot here to touch/);
      await page.keyboard.press('3');
      await reads(page, '.diffusion-note', /no WebAssembly SIMD/);
      await page.keyboard.press('4');
      await reads(page, '.run-table tbody', /QVPO/);
      expect(problems).toEqual([]);
    } finally {
      await close();
    }
  });
});
