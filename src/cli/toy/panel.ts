import { hex, ink, sequential } from './palette.ts';
import { encodePng } from './png.ts';

/** Side of a panel in pixels, and how far the plane reaches in it, in both directions. */
export const SIDE = 184;

/** A square of the plane, ±reach, drawn as SVG of SIDE × SIDE with y upwards. */
export class Panel {
  readonly #reach: number;
  #body = '';

  constructor(reach: number) {
    this.#reach = reach;
    this.#body = `<rect width="${SIDE}" height="${SIDE}" rx="4" fill="${ink.background}"/>`;
  }

  get svg(): string {
    return `<svg width="${SIDE}" height="${SIDE}" viewBox="0 0 ${SIDE} ${SIDE}">${this.#body}</svg>`;
  }

  /** Dots at points [n, 2], coloured by values in [0, 1] where given. */
  dots(points: Float32Array, values: Float32Array | undefined, width = 1.6): this {
    const bins = new Map<string, string>();
    for (let i = 0; i < points.length / 2; i++) {
      const level = values ? 0.25 + 0.75 * (Math.round(5 * values[i]!) / 5) : 0.8;
      const colour = hex(sequential(level));
      bins.set(colour, `${bins.get(colour) ?? ''}M${this.#at(points[2 * i]!, points[2 * i + 1]!)}h0`);
    }
    for (const [colour, d] of bins) this.#stroke(d, colour, width);
    return this;
  }

  /** A field [side, side], first row at the bottom, values in [0, 1]. */
  field(values: Float32Array, opacity = 1): this {
    const side = Math.sqrt(values.length);
    const pixels = new Uint8Array(4 * values.length);
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const value = values[(side - 1 - row) * side + column]!;
        pixels.set([...sequential(value), 255], 4 * (row * side + column));
      }
    }
    const data = encodePng(side, side, pixels).toString('base64');
    this.#body += `<image width="${SIDE}" height="${SIDE}" opacity="${opacity}" href="data:image/png;base64,${data}"/>`;
    return this;
  }

  /** Arrows at points [n, 2] along vectors [n, 2]; the length is the root of the vector's, at most `longest`. */
  arrows(points: Float32Array, vectors: Float32Array, longest: number): this {
    let d = '';
    for (let i = 0; i < points.length / 2; i++) {
      const [vx, vy] = [vectors[2 * i]!, vectors[2 * i + 1]!];
      const size = Math.hypot(vx, vy);
      const length = Math.min(longest, 0.16 * Math.sqrt(size));
      if (size === 0 || length < 0.02) continue;
      const [ux, uy] = [vx / size, vy / size];
      const [x, y] = [points[2 * i]! + ux * length, points[2 * i + 1]! + uy * length];
      const head = 0.09;
      const wing = (side: number) =>
        `${this.#at(x - head * (ux - side * 0.6 * uy), y - head * (uy + side * 0.6 * ux))}`;
      d += `M${this.#at(points[2 * i]!, points[2 * i + 1]!)}L${this.#at(x, y)}M${wing(1)}L${this.#at(x, y)}L${wing(-1)}`;
    }
    return this.#stroke(d, ink.arrow, 0.8);
  }

  /**
   * For each path a ring at its beginning, the line, and a dot at its end; `steps` are positions [n, 2]. They are a group
   * of their own, `shift`, so that the viewer can show a part of the way.
   */
  paths(steps: readonly Float32Array[]): this {
    const [first, last] = [steps[0]!, steps.at(-1)!];
    let lines = '';
    let [ends, rings] = ['', ''];
    for (let i = 0; i < first.length / 2; i++) {
      lines += `M${steps.map(positions => this.#at(positions[2 * i]!, positions[2 * i + 1]!)).join('L')}`;
      ends += `M${this.#at(last[2 * i]!, last[2 * i + 1]!)}h0`;
      const [x, y] = this.#at(first[2 * i]!, first[2 * i + 1]!).split(' ');
      rings += `<circle cx="${x}" cy="${y}" r="1.6" fill="#FFFFFF" stroke="${ink.ring}" stroke-width="0.7"/>`;
    }
    this.#body += `<g class="shift">${rings}`;
    this.#stroke(lines, ink.path, 0.9).#stroke(ends, ink.path, 4.4);
    this.#body += '</g>';
    return this;
  }

  #stroke(d: string, colour: string, width: number): this {
    const style = 'fill="none" stroke-linecap="round" stroke-linejoin="round"';
    if (d !== '') this.#body += `<path d="${d}" stroke="${colour}" stroke-width="${width}" ${style}/>`;
    return this;
  }

  #at(x: number, y: number): string {
    const scale = (value: number) => (((value / this.#reach + 1) * SIDE) / 2).toFixed(1);
    return `${scale(x)} ${scale(-y)}`;
  }
}

/** Panels in rows and columns, with a title over each column and two lines beside each row; a whole SVG document. */
export function figure(
  columns: readonly string[],
  rows: readonly { readonly title: string; readonly note: string; readonly panels: readonly Panel[] }[],
): string {
  const [left, top, gap] = [128, 34, 14];
  const step = SIDE + gap;
  const [width, height] = [left + step * columns.length, top + step * rows.length];
  const text = (x: number, y: number, content: string, rest: string) =>
    `<text x="${x}" y="${y}" ${rest}>${content}</text>`;
  const heads = columns.map((name, i) =>
    text(left + step * i + SIDE / 2, 20, name, `text-anchor="middle" font-weight="600" fill="${ink.text}"`),
  );
  const body = rows.flatMap(({ title, note, panels }, row) => {
    const y = top + step * row;
    const notes = wrap(note, 22).map((line, i) =>
      text(0, y + 110 + 15 * i, line, `font-size="11" fill="${ink.text2}"`),
    );
    const cells = panels.map((panel, i) => `<g transform="translate(${left + step * i} ${y})">${panel.svg}</g>`);
    return [text(0, y + 92, title, `font-weight="600" fill="${ink.text}"`), ...notes, ...cells];
  });
  const font = 'font-family="Inter, ui-sans-serif, system-ui, sans-serif" font-size="13"';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ${font}>\n<rect width="${width}" height="${height}" fill="#FFFFFF"/>\n${[...heads, ...body].join('\n')}\n</svg>\n`;
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    if (lines.at(-1) !== '' && `${lines.at(-1)} ${word}`.length > width) lines.push('');
    lines[lines.length - 1] = lines.at(-1) === '' ? word : `${lines.at(-1)} ${word}`;
  }
  return lines;
}
