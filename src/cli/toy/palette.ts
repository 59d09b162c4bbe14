/** Colours of the figures, which are for print: the light theme. */
export const ink = {
  background: '#F6F5F2',
  text: '#16181D',
  text2: '#4D5561',
  arrow: '#1C2C58',
  path: '#9A5A00',
  ring: '#16181D',
} as const;

/** Sequential scale, low to high; low values sink into the background. */
const STOPS = ['#F6F5F2', '#D8E7B0', '#94CC97', '#43A596', '#1F7F9A', '#1E5487', '#1C2C58'] as const;

export type Rgb = readonly [red: number, green: number, blue: number];

/** The scale at u in [0, 1], linear in sRGB between its stops. */
export function sequential(u: number): Rgb {
  const at = Math.min(1, Math.max(0, u)) * (STOPS.length - 1);
  const i = Math.min(STOPS.length - 2, Math.floor(at));
  const [from, to] = [parse(STOPS[i]!), parse(STOPS[i + 1]!)];
  const mix = (a: number, b: number) => Math.round(a + (b - a) * (at - i));
  return [mix(from[0], to[0]), mix(from[1], to[1]), mix(from[2], to[2])];
}

export function hex([red, green, blue]: Rgb): string {
  return `#${[red, green, blue].map(part => part.toString(16).padStart(2, '0')).join('')}`;
}

function parse(text: string): Rgb {
  const at = (i: number) => Number.parseInt(text.slice(i, i + 2), 16);
  return [at(1), at(3), at(5)];
}
