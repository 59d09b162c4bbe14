const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `412,380`, with a true minus sign. */
export function integer(value: number): string {
  return Number.isFinite(value) ? whole.format(Math.round(value)).replace('-', '−') : '–';
}

/** Three significant digits (`0.0118`, `31.4`, `4,812`, `1.3 · 10⁹`); whole numbers below 10⁷ in full. */
export function value(number: number): string {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? 'NaN' : number > 0 ? '∞' : '−∞';
  const size = Math.abs(number);
  if (size >= 1e7 || (size > 0 && size < 1e-4)) return scientific(number);
  if (size >= 1000) return integer(number);
  if (size === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return minus(number.toFixed(Math.min(6, digits)));
}

/** A return: `4,812`, `178`, and of a task that pays 0 or 1 `0.650`; `–` for none. */
export function score(number: number): string {
  return Number.isFinite(number) ? value(number) : '–';
}

/** A fixed number of decimals with a true minus sign. */
export function fixed(number: number, decimals: number): string {
  return Number.isFinite(number) ? minus(number.toFixed(decimals)) : '–';
}

function minus(text: string): string {
  return text.replace(/^-(?=.*[1-9])/, '−').replace(/^-/, '');
}

const SUPERSCRIPTS: Record<string, string> = {
  '-': '⁻',
  0: '⁰',
  1: '¹',
  2: '²',
  3: '³',
  4: '⁴',
  5: '⁵',
  6: '⁶',
  7: '⁷',
  8: '⁸',
  9: '⁹',
};

function scientific(number: number): string {
  const [mantissa = '', exponent = ''] = number.toExponential(1).split('e');
  const raised = [...exponent.replace('+', '')].map(digit => SUPERSCRIPTS[digit]).join('');
  return `${minus(mantissa)} · 10${raised}`;
}

/** Axis ticks: `0`, `400k`, `1M`, `0.25`. */
export function tick(number: number): string {
  const size = Math.abs(number);
  const trim = (n: number, unit: string) => `${minus(String(Number(n.toPrecision(4))))}${unit}`;
  if (size >= 1e9) return trim(number / 1e9, 'G');
  if (size >= 1e6) return trim(number / 1e6, 'M');
  if (size >= 1e3 && size < 1e4 && number % 100 !== 0) return integer(number); // 1,001 beside 1,000: no room for 1.001k
  if (size >= 1e3) return trim(number / 1e3, 'k');
  if (size > 0 && size < 1e-3) return number.toExponential(0).replace('-', '−');
  return trim(number, '');
}

/** `8 h 52 min`, `4 min 10 s`, `12 s`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours >= 100 ? `${hours} h` : `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** `8 h 52`: where there is little room. */
export function shortDuration(seconds: number): string {
  return duration(seconds).replace(/ min$/, seconds >= 3600 ? '' : ' min');
}

/** `18.4`, `142`, `1,204`. */
export function rate(perSecond: number): string {
  if (!Number.isFinite(perSecond) || perSecond <= 0) return '–';
  return perSecond < 100 ? perSecond.toFixed(1) : integer(perSecond);
}

/** Seconds on a chart's time axis. */
export function clock(seconds: number): string {
  if (seconds === 0) return '0';
  if (seconds < 120) return `${tick(seconds)} s`;
  if (seconds < 7200) return `${tick(seconds / 60)} min`;
  return `${tick(seconds / 3600)} h`;
}

/** Time of an action: `230 µs`, `14.2 ms`. */
export function actionTime(microseconds: number): string {
  if (!Number.isFinite(microseconds)) return '–';
  return microseconds >= 1000 ? `${(microseconds / 1000).toFixed(1)} ms` : `${integer(microseconds)} µs`;
}
