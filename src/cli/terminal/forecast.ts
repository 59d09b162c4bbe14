import { formatBytes, formatDuration, grouped, timeParts } from './format.ts';
import { columns, endingAt, type Line } from './lines.ts';

/** What a preset would cost, from measured updates. */
export interface PresetForecast {
  readonly name: string;
  /** How it is chosen, in words or as a flag: `(auto: CPU)`, `--preset paper`. */
  readonly how: string;
  readonly chosen: boolean;
  readonly seconds: number;
  readonly memoryBytes: number;
  readonly secondsPerUpdate: number;
  /** Floating-point operations of one update. */
  readonly flopPerUpdate?: number;
}

export interface Forecast {
  /** Label and text of the lines on top: task, algorithm, machine. */
  readonly facts: readonly (readonly [label: string, text: string])[];
  readonly steps: number;
  readonly presets: readonly PresetForecast[];
  readonly disk: { readonly checkpointBytes: number; readonly replayBytes: number; readonly freeBytes: number };
  readonly memoryTotalBytes: number;
  readonly evalEvery: number;
  readonly measuredUpdates: number;
  /** The cheaper command a warning names. */
  readonly cheaper: { readonly time: string; readonly memory: string; readonly disk: string };
}

/** The forecast before the first step, warnings included. */
export function forecastLines(forecast: Forecast): Line[] {
  const { disk, presets } = forecast;
  const chosen = presets.find(preset => preset.chosen) ?? presets[0];
  const sizes = [
    `${formatBytes(disk.checkpointBytes)} checkpoints`,
    `${formatBytes(disk.replayBytes)} replay`,
    `${formatBytes(disk.freeBytes)} free`,
  ];
  const every = chosen ? forecast.evalEvery * (chosen.seconds / forecast.steps) : 0;
  return [
    ...forecast.facts.map(([label, text]) => columns([2, [label]], [factColumn(forecast), [text]])),
    [],
    [['dim', tableHeader(forecast)]],
    ...presets.map(presetLine),
    [],
    columns([2, ['disk']], [11, [sizes.join(', ')]]),
    [`  an evaluation every ${grouped(forecast.evalEvery)} steps, about every ${formatDuration(every)}`],
    [['dim', `  Ctrl-C saves; agent resume continues bit for bit. ${forecast.measuredUpdates} updates measured.`]],
    ...warnings(forecast).flatMap(([what, remedy]): Line[] => [
      [['warn', `  warn     ${what}`]],
      [`           less     ${remedy}`],
    ]),
  ];
}

/** What a person should read before waiting: over a day, or over 90 % of memory or disk, with the cheaper command. */
export function warnings(forecast: Forecast): [what: string, remedy: string][] {
  const found: [string, string][] = [];
  const chosen = forecast.presets.find(preset => preset.chosen);
  if (chosen && chosen.seconds > 86400) {
    found.push([`this takes ${formatDuration(chosen.seconds)}`, forecast.cheaper.time]);
  }
  if (chosen && chosen.memoryBytes > 0.9 * forecast.memoryTotalBytes) {
    const total = formatBytes(forecast.memoryTotalBytes);
    found.push([`${formatBytes(chosen.memoryBytes)} of ${total} memory`, forecast.cheaper.memory]);
  }
  const needed = forecast.disk.checkpointBytes + forecast.disk.replayBytes;
  if (needed > 0.9 * forecast.disk.freeBytes) {
    const free = formatBytes(forecast.disk.freeBytes);
    found.push([`${formatBytes(needed)} on disk are needed, ${free} are free`, forecast.cheaper.disk]);
  }
  return found;
}

function factColumn(forecast: Forecast): number {
  return Math.max(16, ...forecast.facts.map(([label]) => label.length + 5));
}

function tableHeader({ steps, presets }: Forecast): string {
  const label = `  ${grouped(steps)} steps`;
  const work = presets.some(preset => preset.flopPerUpdate !== undefined) ? '       work' : '';
  return `${label.padEnd(29)}time     memory   an update${work}`;
}

function presetLine(preset: PresetForecast): Line {
  const [number, unit] = timeParts(preset.secondsPerUpdate);
  const time = formatDuration(preset.seconds).replace(/( h \d\d) min$/, '$1');
  const [memory, memoryUnit] = formatBytes(preset.memoryBytes).split(' ');
  const pieces: (readonly [number, Line])[] = [
    preset.chosen ? [2, [['accent', `▸ ${preset.name}`]]] : [4, [preset.name]],
    [11, [['dim', preset.how]]],
    endingAt(35, preset.chosen ? [['bold', time]] : [time]),
    endingAt(43, [memory!]),
    [44, [memoryUnit!]],
    endingAt(55, [number]),
    [56, [unit]],
  ];
  if (preset.flopPerUpdate !== undefined) {
    const [work, workUnit] = flop(preset.flopPerUpdate);
    pieces.push(endingAt(64, [work]), [65, [workUnit]]);
  }
  return columns(...pieces);
}

function flop(value: number): [string, string] {
  const [size, unit] = value >= 0.95e9 ? [1e9, 'GFLOP'] : [1e6, 'MFLOP'];
  const scaled = value / size;
  return [scaled >= 9.95 ? grouped(scaled) : scaled.toFixed(1), unit as string];
}
