import type { Output } from '../command.ts';

/** What a colour means: `accent` the policy, `good` running or passed, `warn` read before comparing, `bad` act. */
export type Tone = 'accent' | 'good' | 'warn' | 'bad' | 'bold' | 'dim';

export type Paint = (tone: Tone, text: string) => string;

export const plain: Paint = (_tone, text) => text;

/** A piece of a line: text alone, or with its tone. */
export type Span = string | readonly [tone: Tone, text: string];

const ansi16: Record<Tone, string> = { accent: '93', good: '32', warn: '33', bad: '31', bold: '1', dim: '90' };
const ansi256: Record<Tone, string> = {
  accent: '38;5;214',
  good: '38;5;78',
  warn: '38;5;185',
  bad: '38;5;210',
  bold: '1',
  dim: '90',
};

/** Colours where the output is a terminal that has them; `NO_COLOR` and `TERM=dumb` turn them off. */
export function paintFor(output: Output, env: Readonly<Record<string, string | undefined>>): Paint {
  if (!output.isTTY || env.NO_COLOR || env.TERM === 'dumb') return plain;
  const rich = /256|truecolor|24bit|kitty|alacritty/.test(`${env.TERM ?? ''} ${env.COLORTERM ?? ''}`);
  const codes = rich ? ansi256 : ansi16;
  return (tone, text) => (text === '' ? '' : `\x1b[${codes[tone]}m${text}\x1b[0m`);
}

export function paintLine(spans: readonly Span[], paint: Paint): string {
  return spans.map(span => (typeof span === 'string' ? span : paint(span[0], span[1]))).join('');
}
