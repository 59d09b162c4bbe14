type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the locale speaks UTF-8; a locale that is not set at all is taken to. */
export function speaksUtf8(env: Environment): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG;
  return !locale || /utf-?8/i.test(locale);
}

const ascii: Readonly<Record<string, string>> = {
  '━': '=',
  '─': '-',
  '●': '*',
  '✓': 'ok',
  '✗': '!!',
  '▸': '>',
  '…': '~',
  '–': '-',
  '−': '-',
  '×': 'x',
  '·': '.',
  µ: 'u',
  '≥': '>=',
  '≤': '<=',
  '²': '2',
  '⁶': '6',
  Σ: 'sum',
  '°': 'deg',
};

/** The same text for a terminal that is not UTF-8: no sparklines, `ok`, `--` and `!!` for the marks. */
export function toAscii(text: string): string {
  return text
    .replace(/10⁶/g, '1e6')
    .replace(/^(\s*)–/gm, '$1--')
    .replace(/[▁▂▃▄▅▆▇█]+·*/g, spark => ' '.repeat(spark.length))
    .replace(/·{3,}/g, dots => ' '.repeat(dots.length))
    .replace(/± /g, '+-')
    .replace(/±/g, '+-')
    .replace(/[\u0080-\uffff]/g, character => ascii[character] ?? '?')
    .replace(/ +$/gm, '');
}

/** Identity where the terminal speaks UTF-8, else `toAscii`. */
export function charsetFor(env: Environment): (text: string) => string {
  return speaksUtf8(env) ? text => text : toAscii;
}
