import { describe, expect, it } from 'vitest';
import { canRedraw, Screen } from '../../../../src/cli/terminal/screen.ts';

/** A terminal that understands what `Screen` sends: text, newlines, cursor up, erase below, the cursor's visibility. */
class FakeTerminal {
  readonly isTTY = true;
  columns: number;
  cursorVisible = true;
  #rows: string[] = [''];
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.columns = columns;
  }

  write(text: string): boolean {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences begin with one
    for (const [token] of text.matchAll(/\x1b\[\??[0-9;]*[a-zA-Z]|[\s\S]/gu)) this.#take(token);
    return true;
  }

  get text(): string {
    return this.#rows.join('\n').trimEnd();
  }

  #take(token: string): void {
    if (token === '\n') this.#moveTo(this.#row + 1, 0);
    else if (token === '\r') this.#column = 0;
    else if (token === '\x1b[?25l') this.cursorVisible = false;
    else if (token === '\x1b[?25h') this.cursorVisible = true;
    else if (token.endsWith('A')) this.#row = Math.max(0, this.#row - Number.parseInt(token.slice(2), 10));
    else if (token.endsWith('J')) this.#rows = [...this.#rows.slice(0, this.#row), ''];
    else if (!token.startsWith('\x1b')) {
      if (this.#column === this.columns) this.#moveTo(this.#row + 1, 0);
      const row = this.#rows[this.#row]!.padEnd(this.#column);
      this.#rows[this.#row] = row.slice(0, this.#column) + token + row.slice(this.#column + 1);
      this.#column++;
    }
  }

  #moveTo(row: number, column: number): void {
    this.#row = row;
    this.#column = column;
    while (this.#rows.length <= row) this.#rows.push('');
  }
}

const env = { TERM: 'xterm' };

describe('screen', () => {
  it('redraws in place, prints above, and gives the cursor back', () => {
    const terminal = new FakeTerminal(80);
    const screen = new Screen(terminal, env);
    screen.print([['before']]);
    screen.draw([['one'], ['two', ['accent', ' 2']]]);
    expect(terminal.cursorVisible).toBe(false);
    screen.draw([['three'], [], ['five']]);
    expect(terminal.text).toBe('before\nthree\n\nfive');
    screen.print([['message']]);
    screen.draw([['four']]);
    expect(terminal.text).toBe('before\nmessage\nfour');
    screen.close();
    expect(terminal.cursorVisible).toBe(true);
    expect(terminal.text).toBe('before\nmessage\nfour');
  });

  it('leaves no remains after the window was made narrower', () => {
    const terminal = new FakeTerminal(100);
    const screen = new Screen(terminal, env);
    screen.draw([['x'.repeat(90)]]);
    // Terminals wrap the long line when they are made narrower: 90 columns take 2 rows of 80.
    const narrow = new FakeTerminal(80);
    narrow.write(`${'x'.repeat(90)}\n`);
    terminal.columns = 80;
    const sent: string[] = [];
    terminal.write = text => sent.push(text) > 0;
    screen.draw([['y']]);
    narrow.write(sent.join(''));
    expect(narrow.text).toBe('y');
  });

  it('writes ASCII where the locale is not UTF-8', () => {
    const terminal = new FakeTerminal(80);
    new Screen(terminal, { ...env, LC_ALL: 'C' }).draw([['━━── ● ±0.4 ▁▂▃']]);
    expect(terminal.text).toBe('==-- * +-0.4');
  });
});

it('redraws only on terminals that can', () => {
  const tty = { write: () => true, isTTY: true, columns: 120 };
  expect(canRedraw(tty, env)).toBe(true);
  expect(canRedraw({ ...tty, columns: 79 }, env)).toBe(false);
  expect(canRedraw({ ...tty, isTTY: false }, env)).toBe(false);
  expect(canRedraw(tty, { TERM: 'dumb' })).toBe(false);
  expect(canRedraw(tty, { ...env, CI: 'true' })).toBe(false);
});
