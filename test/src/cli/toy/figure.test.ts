import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { main } from '../../../../src/cli/main.ts';
import { shown } from '../../../../src/cli/toy/figures.ts';
import { figure, Panel, SIDE } from '../../../../src/cli/toy/panel.ts';
import { encodePng } from '../../../../src/cli/toy/png.ts';

test('a PNG holds the pixels it was given', () => {
  const pixels = Uint8Array.from({ length: 4 * 3 * 2 }, (_, i) => 10 * i);
  const png = encodePng(3, 2, pixels);
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([3, 2]);
  const length = png.readUInt32BE(33);
  const rows = inflateSync(png.subarray(41, 41 + length));
  expect([...rows]).toEqual([0, ...pixels.subarray(0, 12), 0, ...pixels.subarray(12)]);
  expect(png.subarray(-8, -4).toString()).toBe('IEND');
  expect(png.readUInt32BE(png.length - 4)).toBe(0xae426082); // CRC of an empty IEND, known from the format
});

test('a panel draws the plane with y upwards, in its square', () => {
  const svg = new Panel(2).dots(Float32Array.of(-2, 2, 0, 0), undefined).svg;
  expect(svg).toContain(`M0.0 0.0h0M${SIDE / 2}.0 ${SIDE / 2}.0h0`);
});

test('a figure has a title for every column and a row for every kind', () => {
  const row = { title: 'Data', note: 'some words that take two lines', panels: [new Panel(1), new Panel(1)] };
  const svg = figure(['moons', 'rings'], [row, row, row]);
  expect(svg.match(/<g transform/g)).toHaveLength(6);
  for (const title of ['moons', 'rings']) expect(svg).toContain(`>${title}</text>`);
});

test('the points shown are spread over all, whole and in order', () => {
  const points = Float32Array.from({ length: 2 * 100_000 }, (_, i) => i);
  const some = shown(points, 2);
  expect(some.length).toBe(1800);
  for (let i = 0; i < some.length; i += 2) expect([some[i]! % 2, some[i + 1]! - some[i]!]).toEqual([0, 1]);
  expect(some[0]).toBe(0);
  expect(some.at(-1)!).toBeGreaterThan(199_000);
  expect([...shown(points.subarray(0, 6), 2)]).toEqual([0, 1, 2, 3, 4, 5]);
});

test('an unknown dataset is a usage error with the nearest name', { timeout: 60_000 }, async () => {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  const code = await main(['toy', 'moon'], { stdout: { write }, stderr: { write }, env: { NO_COLOR: '1' } });
  expect(code).toBe(2);
  expect(text).toContain('no two-dimensional dataset "moon"');
  expect(text).toContain('moons');
});
