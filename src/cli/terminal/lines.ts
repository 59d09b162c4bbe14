import type { Span } from './paint.ts';

/** A line before it is coloured. Every character we print is one column wide. */
export type Line = readonly Span[];

export function textOf(line: Line): string {
  return line.map(span => (typeof span === 'string' ? span : span[1])).join('');
}

export function widthOf(line: Line): number {
  return [...textOf(line)].length;
}

/** The pieces one after the other, each starting at its column, or a space after the piece before it. */
export function columns(...pieces: readonly (readonly [column: number, line: Line])[]): Line {
  const spans: Span[] = [];
  let position = 0;
  for (const [column, line] of pieces) {
    const gap = position === 0 ? column : Math.max(1, column - position);
    if (gap > 0) spans.push(' '.repeat(gap));
    spans.push(...line);
    position += gap + widthOf(line);
  }
  return spans;
}

/** `line` with its last character in column `end`. */
export function endingAt(end: number, line: Line): readonly [column: number, line: Line] {
  return [Math.max(0, end - widthOf(line)), line];
}

/** `left` and `right` at the two ends of a line of `width` columns; `right` goes where both do not fit. */
export function spread(left: Line, right: Line, width: number): Line {
  const gap = width - widthOf(left) - widthOf(right);
  return gap < 1 ? left : [...left, ' '.repeat(gap), ...right];
}

/** `runs/…1120-k7q2`: cut in the middle to `width` columns, two thirds of them for the end. */
export function cutMiddle(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text;
  if (width < 3) return characters.slice(0, Math.max(0, width)).join('');
  const tail = Math.floor(((width - 1) * 2) / 3);
  return `${characters.slice(0, width - 1 - tail).join('')}…${characters.slice(-tail).join('')}`;
}

/** The line cut to `width` columns, tones kept. */
export function clip(line: Line, width: number): Line {
  const spans: Span[] = [];
  let left = width;
  for (const span of line) {
    const characters = [...(typeof span === 'string' ? span : span[1])];
    const part = characters.slice(0, left).join('');
    left -= characters.length;
    if (part !== '') spans.push(typeof span === 'string' ? part : [span[0], part]);
    if (left <= 0) break;
  }
  return spans;
}
