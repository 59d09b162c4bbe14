/** How the terminal writes numbers: digits grouped by commas, units after a space. */

/** `412,380` */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A return: whole from 100 on (`4,812`), else one decimal (`31.4`); `–` where there is none. */
export function formatReturn(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  return Math.abs(value) >= 99.95 ? grouped(value) : value.toFixed(1);
}

/** A spread, with the decimals of the return it belongs to. */
export function formatSpread(spread: number, mean: number): string {
  return Math.abs(mean) >= 99.95 ? grouped(spread) : spread.toFixed(1);
}

/** A loss or another metric: three significant digits, one decimal between 10 and 1000 (`0.086`, `31.4`, `468.0`). */
export function formatMetric(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e7) return value.toExponential(2);
  if (size >= 1000) return grouped(value);
  if (size >= 10) return value.toFixed(1);
  if (size === 0) return '0';
  if (size < 1e-4) return value.toExponential(1);
  return trimZeros(value.toPrecision(3));
}

/** `18.4`, `1,240` */
export function formatRate(value: number): string {
  return value >= 1000 ? grouped(value) : value.toFixed(1);
}

/** `8.1 days`, `8 h 52 min`, `52 min`, `43 s` */
export function formatDuration(seconds: number): string {
  const { days, hours, minutes, rest } = split(seconds);
  if (days >= 2) return `${days.toFixed(1)} days`;
  if (hours > 0) return `${hours} h ${twoDigits(minutes)} min`;
  return minutes > 0 ? `${minutes} min` : `${rest} s`;
}

/** `8h52m`, `52m`, `43s`, `8.1d` */
export function formatDurationShort(seconds: number): string {
  const { days, hours, minutes, rest } = split(seconds);
  if (days >= 2) return `${days.toFixed(1)}d`;
  if (hours > 0) return `${hours}h${twoDigits(minutes)}m`;
  return minutes > 0 ? `${minutes}m` : `${rest}s`;
}

function split(seconds: number): { days: number; hours: number; minutes: number; rest: number } {
  const whole = Math.max(0, Math.round(seconds));
  const totalMinutes = whole < 60 ? 0 : Math.round(whole / 60);
  return { days: whole / 86400, hours: Math.floor(totalMinutes / 60), minutes: totalMinutes % 60, rest: whole };
}

/** Time of one operation as number and unit, so that a table can align them: `['54', 'ms']`, `['0.70', 's']`. */
export function timeParts(seconds: number): [number: string, unit: string] {
  if (seconds >= 99.5) return [grouped(seconds), 's'];
  if (seconds >= 0.0995) return [seconds >= 9.95 ? seconds.toFixed(0) : seconds.toFixed(seconds >= 1 ? 1 : 2), 's'];
  if (seconds >= 0.000995) return [significant2(seconds * 1e3), 'ms'];
  return [significant2(seconds * 1e6), 'µs'];
}

/** `460 µs`, `54 ms`, `0.70 s` */
export function formatTime(seconds: number): string {
  return timeParts(seconds).join(' ');
}

/** `3.2 GB`, `212 GB`, `48.0 MB`; decimal units, gigabytes from a tenth on. */
export function formatBytes(bytes: number): string {
  const unit = bytes >= 1e12 ? 'TB' : bytes >= 0.995e8 ? 'GB' : 'MB';
  const value = bytes / { TB: 1e12, GB: 1e9, MB: 1e6 }[unit];
  return `${value >= 99.95 ? grouped(value) : value.toFixed(1)} ${unit}`;
}

/** `09:17:58`, local time. */
export function clock(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':');
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** `about 18:10`; with the date where it is not within the next 24 hours: `about 28 Nov 18:10`. */
export function aboutTime(now: Date, secondsAhead: number): string {
  const then = new Date(now.getTime() + secondsAhead * 1000);
  const time = `${twoDigits(then.getHours())}:${twoDigits(then.getMinutes())}`;
  if (secondsAhead < 86400) return `about ${time}`;
  return `about ${then.getDate()} ${months[then.getMonth()]} ${time}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

function significant2(value: number): string {
  if (value >= 99.5) return grouped(value);
  return value >= 9.95 ? value.toFixed(0) : value.toFixed(1);
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
