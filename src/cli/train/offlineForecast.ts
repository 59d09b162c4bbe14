import type { Stage } from '../../algorithms/algorithm.ts';
import { readMetrics } from '../../loops/readMetrics.ts';
import { Rng } from '../../random/rng.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import { tf } from '../../tensor/tf.ts';
import type { Io } from '../command.ts';
import { charsetFor } from '../terminal/charset.ts';
import { formatDuration, formatTime, grouped } from '../terminal/format.ts';
import { columns, type Line } from '../terminal/lines.ts';
import { paintFor, paintLine } from '../terminal/paint.ts';
import { buildOfflineAlgorithm, type OfflineParts } from './offlineParts.ts';
import type { OfflinePlan } from './offlinePlan.ts';

/** Updates of each stage that are measured; the first warms up and is left out. */
const MEASURED = 4;
const DAY = 86400;

/**
 * What the run will take, from a few updates of each stage on weights that are thrown away: lines for the terminal, and
 * the mean time of an update.
 */
export async function offlineForecast(
  plan: OfflinePlan,
  parts: OfflineParts,
  io: Io,
): Promise<{ lines: string[]; secondsPerStep: number }> {
  const { config, data, definition, backend } = plan;
  const stages = plan.algorithm.stages.filter(stage => (stage.steps ?? 0) > 0 && !parts.taken.has(stage.name));
  const measured = stages.map(stage => ({ stage, seconds: secondsPerUpdate(plan, parts, stage) }));
  const total = measured.reduce((sum, { stage, seconds }) => sum + stage.steps! * seconds, 0);
  const table: Line[] = measured.map(({ stage, seconds }) =>
    columns(
      [2, [stage.name]],
      [14, [`${grouped(stage.steps!)} updates`]],
      [34, [`${formatTime(seconds)} each`]],
      [50, [formatDuration(stage.steps! * seconds)]],
    ),
  );
  const evaluated = parts.evaluationEnv ? `evaluated in ${config.task}` : 'no task to evaluate on: --env ID names one';
  const sampling = backend.bf16By && 'diffusionSteps' in config.values ? `, sampling in bf16 by ${backend.bf16By}` : '';
  const lines: Line[] = [
    columns([2, ['dataset']], [14, [`${data.name}, ${grouped(data.size)} transitions; ${evaluated}`]]),
    columns([2, ['algorithm']], [14, [definition.title]]),
    columns([2, ['machine']], [14, [`${backend.name}, ${backend.threads} threads${sampling}; ${backend.why}`]]),
    columns(
      [2, ['preset']],
      [14, [`${config.preset}${plan.presetReason === 'auto' ? ` (auto: ${backend.name})` : ''}`]],
    ),
    [],
    ...table,
    columns([2, ['together']], [14, [`${grouped(config.steps)} updates`]], [50, [formatDuration(total)]]),
    [['dim', `  Ctrl-C saves; agent resume continues bit for bit. ${MEASURED - 1} updates of each stage measured.`]],
    ...(total > DAY
      ? [
          [
            ['warn', `  warn     this takes ${formatDuration(total)}`],
            ': fewer updates, for example --preset fast',
          ] as Line,
        ]
      : []),
    [],
  ];
  const [paint, encode] = [paintFor(io.stderr, io.env), charsetFor(io.env)];
  return { lines: lines.map(line => encode(paintLine(line, paint))), secondsPerStep: total / config.steps };
}

/** Median seconds of an update of a stage, on an algorithm of its own. */
function secondsPerUpdate(plan: OfflinePlan, { data }: OfflineParts, { name }: Stage): number {
  const algorithm = buildOfflineAlgorithm(plan.config, plan.data);
  const stage = algorithm.stages.find(candidate => candidate.name === name)!;
  const rng = new Rng(plan.config.seed).split('forecast');
  const noise = new StreamNoise(rng.split('noise'));
  const times: number[] = [];
  for (let i = 0; i < MEASURED; i++) {
    const begin = performance.now();
    tf.tidy(() => void readMetrics(stage.update(() => data.sample(stage.batchSize, rng), 0, noise)));
    if (i > 0) times.push((performance.now() - begin) / 1000);
  }
  tf.dispose(algorithm.variables);
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
}
