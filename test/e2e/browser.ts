import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const hasChromium = existsSync(chromiumPath);
export const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const page = fileURLToPath(new URL('../../dist/dashboard/index.html', import.meta.url));
/** Whether the command line and the page have been built. */
export const built = existsSync(main) && existsSync(page);

/** Everything, the page's own parts too, drawn by ANGLE on a processor: the same on every machine, and slow. */
const ALL_SOFTWARE = ['--use-gl=angle', '--use-angle=swiftshader'];

/**
 * A fresh Chromium with a software GPU and a profile of its own, `flags` besides; `close` leaves nothing behind. With
 * `compositor` as Chromium chooses it for a machine, which without a graphics card costs a frame 20 ms less.
 */
export async function openBrowser(
  flags: readonly string[] = [],
  compositor: 'software' | 'chosen' = 'software',
): Promise<{
  context: BrowserContext;
  page: Page;
  problems: string[];
  close(): Promise<void>;
}> {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    headless: true,
    viewport: { width: 1280, height: 800 },
    args: [
      '--no-sandbox',
      ...(compositor === 'software' ? ALL_SOFTWARE : []),
      '--enable-unsafe-swiftshader',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...flags,
    ],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const problems: string[] = [];
  page.on('pageerror', error => problems.push(error.message));
  page.on('console', message => {
    if (
      message.type() === 'error' &&
      !/ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE)|WebSocket connection|WebGL context could not be created|Error creating WebGL context/.test(
        message.text(),
      )
    )
      problems.push(message.text());
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { context, page, problems, close };
}

/** What can be read in the elements of a selector, with spaces between the parts. */
export function text(page: Page, selector: string): Promise<string> {
  return page.evaluate(
    selector =>
      Array.from(document.querySelectorAll<HTMLElement>(selector))
        .filter(element => element.checkVisibility())
        // biome-ignore lint/performance/useDomNodeTextContent: what is read, with spaces between the parts
        .map(element => element.innerText)
        .join(' ')
        .replace(/\s+/g, ' '),
    selector,
  );
}
