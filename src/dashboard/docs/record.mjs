// Makes the moving picture of the README again: node src/dashboard/docs/record.mjs RUN OUT.webp [FROM] [FRAMES]
// Plays the best episode of RUN in the real page, one step of the world a frame, so that a slow machine drops none.
// Needs the build (npm run build), Chromium, and ffmpeg with libwebp.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [run, out, from = '40', frames = '120'] = process.argv.slice(2);
if (!run || !out) throw new Error('usage: record.mjs RUN OUT.webp [FROM] [FRAMES]');
const main = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'record-'));
const viewer = spawn(process.execPath, [main, 'view', run, '--dashboard', '0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const url = await new Promise(found => viewer.stdout.once('data', data => found(String(data).trim())));
  const context = await chromium.launchPersistentContext(join(work, 'profile'), {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    viewport: { width: 1440, height: 900 },
    colorScheme: 'dark',
    args: ['--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
  });
  const [page] = context.pages();
  page.setDefaultTimeout(120_000);
  await page.addInitScript(() => localStorage.setItem('agent.quality', '0')); // the best, however slow
  await page.goto(url);
  await page.waitForFunction(() => /m\/s/.test(document.querySelector('.stage-figures')?.textContent ?? ''));
  // Until the policy is loaded and candidates are drawn; one that acts in a single pass has none.
  const drawn = () => document.querySelector('.inspector-extra')?.hidden === false;
  await page.waitForFunction(drawn, undefined, { timeout: 60_000 }).catch(() => {});
  await page.keyboard.press('Control+k');
  await page.keyboard.type('Replay the best');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(1000);
  await page.keyboard.press('ArrowRight'); // stands still now
  for (let t = 0; t < 2000 && t < Number(from); t++) await page.keyboard.press('ArrowRight');
  for (let frame = 0; frame < Number(frames); frame++) {
    await page.keyboard.press('ArrowRight');
    await page.waitForTimeout(120); // numbers and timeline follow
    await page.screenshot({ path: join(work, `${String(frame).padStart(4, '0')}.png`) });
  }
  const seconds = await page.evaluate(() => document.querySelector('.stage-figures').textContent);
  await context.close();
  const webp = ['-c:v', 'libwebp_anim', '-lossless', '0', '-quality', '62', '-compression_level', '6', '-loop', '0'];
  const scale = ['-vf', 'scale=960:-2:flags=lanczos'];
  execFileSync('ffmpeg', [
    '-v',
    'error',
    '-y',
    '-framerate',
    '20',
    '-i',
    join(work, '%04d.png'),
    ...scale,
    ...webp,
    out,
  ]);
  execFileSync('cp', [join(work, '0000.png'), out.replace(/\.webp$/, '.png')]);
  console.log(`${out}: ${frames} frames, to ${seconds}`);
} finally {
  viewer.kill();
  rmSync(work, { recursive: true, force: true });
}
