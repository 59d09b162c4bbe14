import type { Output } from '../command.ts';
import { charsetFor } from './charset.ts';
import type { Line } from './lines.ts';
import { type Paint, paintFor, paintLine } from './paint.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether lines can be redrawn in place: a terminal of 80 columns or more that is not dumb and not a CI log. */
export function canRedraw(output: Output, env: Environment): boolean {
  return Boolean(output.isTTY) && env.TERM !== 'dumb' && !env.CI && (output.columns ?? 0) >= 80;
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';

/**
 * A block of lines at the bottom of the terminal, redrawn in place; messages scroll above it. The cursor is hidden while
 * the block stands and shown again by `close`.
 */
export class Screen {
  readonly #output: Output;
  readonly #paint: Paint;
  readonly #encode: (text: string) => string;
  /** Width of each line of the block as drawn: a narrower terminal wraps them, and so they take more rows. */
  #drawn: number[] = [];

  constructor(output: Output, env: Environment) {
    this.#output = output;
    this.#paint = paintFor(output, env);
    this.#encode = charsetFor(env);
  }

  get columns(): number {
    return this.#output.columns ?? 80;
  }

  /** Replaces the block. */
  draw(lines: readonly Line[]): void {
    const painted = lines.map(line => this.#encode(paintLine(line, this.#paint)));
    this.#output.write(`${this.#drawn.length === 0 ? hideCursor : ''}${this.#erase()}${painted.join('\n')}\n`);
    this.#drawn = painted.map(visibleWidth);
  }

  /** Writes lines that stay, above the block; the next `draw` puts it back. */
  print(lines: readonly Line[]): void {
    const painted = lines.map(line => `${this.#encode(paintLine(line, this.#paint))}\n`);
    this.#output.write(`${this.#erase()}${painted.join('')}`);
    if (this.#drawn.length > 0) this.#output.write(showCursor);
    this.#drawn = [];
  }

  /** Leaves the block where it stands and gives the cursor back. */
  close(): void {
    if (this.#drawn.length > 0) this.#output.write(showCursor);
    this.#drawn = [];
  }

  #erase(): string {
    if (this.#drawn.length === 0) return '';
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / this.columns)), 0);
    return `\x1b[${rows}A\r\x1b[J`;
  }
}

function visibleWidth(painted: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences begin with one
  return [...painted.replace(/\x1b\[[0-9;]*m/g, '')].length;
}
