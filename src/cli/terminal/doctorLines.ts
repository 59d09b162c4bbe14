import { columns, type Line } from './lines.ts';
import type { Span } from './paint.ts';

/** One thing looked at: it works, is absent but optional, or hurts. */
export interface Finding {
  readonly name: string;
  readonly state: 'works' | 'absent' | 'hurts';
  readonly found: string;
  /** What it means, or what it would give. */
  readonly note?: string;
  /** What to do where it hurts. */
  readonly remedy?: string;
}

const marks: Readonly<Record<Finding['state'], Span>> = {
  works: ['good', '✓'],
  absent: ['dim', '–'],
  hurts: ['bad', '✗'],
};

/** The findings in columns, and the verdict. */
export function doctorLines(findings: readonly Finding[], verdict: string): Line[] {
  const lines: Line[] = [[]];
  const noteColumn = Math.max(41, ...findings.filter(({ note }) => note).map(({ found }) => 17 + found.length + 2));
  for (const { name, state, found, note, remedy } of findings) {
    const tone = state === 'hurts' ? 'bad' : 'dim';
    // GFLOP/s and the like are right-aligned among themselves: two digits get a space more.
    const start = /^\d\d? [A-Z]FLOP/.test(found) ? 18 : 17;
    const pieces: (readonly [number, Line])[] = [
      [2, [marks[state], ` ${name}`]],
      [start, [found]],
    ];
    if (note) pieces.push([noteColumn, [[tone, note]]]);
    lines.push(columns(...pieces));
    if (remedy) lines.push(columns([17, [['dim', remedy]]]));
  }
  const problems = findings.filter(({ state }) => state === 'hurts').length;
  const counted: Line =
    problems > 0 ? [['bad', problems === 1 ? '1 problem.' : `${problems} problems.`], ` ${verdict}`] : [verdict];
  return [...lines, [], ['  ', ...counted]];
}
