import { describe, expect, it } from 'vitest';
import { speaksUtf8, toAscii } from '../../../../src/cli/terminal/charset.ts';
import * as format from '../../../../src/cli/terminal/format.ts';
import { cutMiddle } from '../../../../src/cli/terminal/lines.ts';
import { paintFor } from '../../../../src/cli/terminal/paint.ts';
import { Curve, resample, sparkline } from '../../../../src/cli/terminal/sparkline.ts';

describe('numbers', () => {
  it.each([
    [0.086, '0.086'],
    [0.0118, '0.0118'],
    [31.42, '31.4'],
    [468.03, '468.0'],
    [2.6, '2.6'],
    [123_456, '123,456'],
    [-0.5, '-0.5'],
    [0, '0'],
    [0.00001234, '1.2e-5'],
    [3e9, '3.00e+9'],
    [Number.NaN, 'NaN'],
  ])('a metric of %d is %s', (value, text) => expect(format.formatMetric(value)).toBe(text));

  it.each([
    [0.4, '0 s'],
    [43, '43 s'],
    [59.6, '1 min'],
    [3599, '1 h 00 min'],
    [31_920, '8 h 52 min'],
    [100_000, '27 h 47 min'],
    [699_840, '8.1 days'],
  ])('%d seconds are %s', (seconds, text) => expect(format.formatDuration(seconds)).toBe(text));

  it.each([
    [3.2e9, '3.2 GB'],
    [212e9, '212 GB'],
    [48e6, '48.0 MB'],
    [0.4e9, '0.4 GB'],
    [2e12, '2.0 TB'],
    [0, '0.0 MB'],
  ])('%d bytes are %s', (bytes, text) => expect(format.formatBytes(bytes)).toBe(text));

  it.each([
    [0.054, '54 ms'],
    [0.7, '0.70 s'],
    [4.6e-4, '460 µs'],
    [3.3e-6, '3.3 µs'],
    [12, '12 s'],
    [0.0999, '0.10 s'],
  ])('%d seconds an update are %s', (seconds, text) => expect(format.formatTime(seconds)).toBe(text));

  it('a date is named where the end is not within a day', () => {
    const now = new Date(2026, 10, 20, 9, 18);
    expect(format.aboutTime(now, 8.87 * 3600)).toBe('about 18:10');
    expect(format.aboutTime(now, 8 * 86400)).toBe('about 28 Nov 09:18');
  });
});

describe('character sets', () => {
  it('reads the locale in its order of precedence', () => {
    expect(speaksUtf8({})).toBe(true);
    expect(speaksUtf8({ LANG: 'C' })).toBe(false);
    expect(speaksUtf8({ LC_ALL: 'C', LANG: 'en_US.UTF-8' })).toBe(false);
    expect(speaksUtf8({ LC_ALL: '', LC_CTYPE: 'de_DE.utf8', LANG: 'C' })).toBe(true);
  });

  it('writes marks as words and drops sparklines', () => {
    expect(toAscii('  ✓ node\n  – webgpu\n  ✗ disk   10⁶ steps')).toBe('  ok node\n  -- webgpu\n  !! disk   1e6 steps');
    expect(toAscii('━━── 4,812 ± 36  ▁▂█····  ● training')).toBe('==-- 4,812 +-36           * training');
    expect(toAscii('eval ▁▂█')).toBe('eval');
  });
});

describe('colour', () => {
  const tty = { write: () => true, isTTY: true };
  it('is for terminals, and NO_COLOR turns it off', () => {
    expect(paintFor(tty, { TERM: 'xterm' })('accent', 'x')).toBe('\x1b[93mx\x1b[0m');
    expect(paintFor(tty, { TERM: 'xterm-256color' })('accent', 'x')).toBe('\x1b[38;5;214mx\x1b[0m');
    expect(paintFor(tty, { TERM: 'xterm', NO_COLOR: '1' })('accent', 'x')).toBe('x');
    expect(paintFor(tty, { TERM: 'dumb' })('accent', 'x')).toBe('x');
    expect(paintFor({ write: () => true }, { TERM: 'xterm' })('accent', 'x')).toBe('x');
  });
});

describe('curves', () => {
  it('go from zero to the largest value', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline([-7, 0])).toBe('▁█');
    expect(sparkline([0, 0])).toBe('▁▁');
    expect(sparkline([1, Number.NaN])).toBe('█·');
  });

  it('keep their shape and stay small', () => {
    const curve = new Curve(64);
    for (let step = 1; step <= 10_000; step++) curve.add(step, step);
    expect(curve.points.length).toBeLessThan(64);
    const values = resample(curve.points, 10_000, 10);
    for (const [index, value] of values.entries()) expect(Math.abs(value - (index + 1) * 1000)).toBeLessThan(400);
  });
});

it('names are cut in the middle', () => {
  expect(cutMiddle('runs/qvpo-humanoid-v3-1120-k7q2', 15)).toBe('runs/…1120-k7q2');
  expect(cutMiddle('short', 15)).toBe('short');
  expect(cutMiddle('abcdef', 2)).toBe('ab');
});
