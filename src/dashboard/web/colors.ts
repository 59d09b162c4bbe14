/** Reads the tokens of the stylesheet, so that canvases use the very colours of the page. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function isLight(): boolean {
  return document.documentElement.dataset.theme === 'light';
}

type Rgb = readonly [number, number, number];

export function parseHex(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export function rgba(hex: string, alpha: number): string {
  const [r, g, b] = parseHex(hex);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

/** A colour scale: position in [0, 1] → `rgb(…)`, linear in sRGB between equally spaced stops. */
export interface Scale {
  (position: number): string;
  readonly rgb: (position: number) => Rgb;
}

function scale(names: readonly string[]): Scale {
  const stops = names.map(name => parseHex(token(name)));
  const rgb = (position: number): Rgb => {
    const at = Math.min(1, Math.max(0, Number.isFinite(position) ? position : 0)) * (stops.length - 1);
    const i = Math.min(stops.length - 2, Math.floor(at));
    const part = at - i;
    const mix = (k: 0 | 1 | 2) => Math.round(stops[i]![k] + (stops[i + 1]![k] - stops[i]![k]) * part);
    return [mix(0), mix(1), mix(2)];
  };
  return Object.assign((position: number) => `rgb(${rgb(position).join(', ')})`, { rgb });
}

/** Q, density, reward: lightness rises from the background. */
export function sequential(): Scale {
  return scale(['seq0', 'seq1', 'seq2', 'seq3', 'seq4', 'seq5']);
}
/** Advantage, TD error: 0.5 is the background. */
export function diverging(): Scale {
  return scale(['div0', 'div1', 'div2', 'div3', 'div4']);
}

/** Line style of run or group `index`: eight colours, 5–8 dashed, a ninth reuses colour 1 dotted. */
export function runStyle(index: number): { color: string; dash: number[] } {
  const round = Math.floor(index / 8);
  const i = index % 8;
  return { color: token(`run${i + 1}`), dash: round > 0 ? [2, 3] : i >= 4 ? [6, 3] : [] };
}

/** 2nd and 98th percentile: the range of a colour scale. */
export function percentileRange(values: ArrayLike<number>): [number, number] {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  if (sorted.length === 0) return [0, 1];
  const at = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(part * (sorted.length - 1))))]!;
  const [low, high] = [at(0.02), at(0.98)];
  return high > low ? [low, high] : [low, low + 1];
}
