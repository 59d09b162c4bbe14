import type { AppState } from '../appState.ts';
import { integer, score } from '../format.ts';

/** `step 10,000`, or of an offline run `update 12,000`: evaluations come in its last stage. Empty where nothing says when. */
export function firstEvaluation(app: AppState): string {
  const { options, values, kind } = (app.currentData?.snapshot?.config ?? {}) as {
    options?: Record<string, unknown>;
    values?: Record<string, unknown>;
    kind?: string;
  };
  const every = options?.evalEvery;
  if (typeof every !== 'number') return '';
  if (kind !== 'offline') return `step ${integer(every)}`;
  const stages = ['behaviorSteps', 'criticSteps', 'policySteps']
    .map(name => Number(values?.[name] ?? 0))
    .filter(Boolean);
  const before = stages.slice(0, -1).reduce((sum, steps) => sum + steps, 0);
  return `update ${integer(before + every)}`;
}

/** `first value at step 10,000` where the configuration says when. */
export function emptyText(app: AppState, metric: string): string {
  const run = app.run();
  if (run && run.state !== 'live' && run.state !== 'paused') return 'no value was logged';
  const every = (app.currentData?.snapshot?.config.options as Record<string, unknown> | undefined)?.logEvery;
  const first = metric.startsWith('eval/')
    ? firstEvaluation(app)
    : typeof every === 'number'
      ? `step ${integer(every)}`
      : '';
  return first ? `first value at ${first}` : 'no value yet';
}

/** The algorithm's own published score first, then the baselines people compare with. */
export function publishedLines(app: AppState): { name: string; value: number }[] {
  const published = app.currentData?.snapshot?.published ?? [];
  const own = app.run()?.algo.toUpperCase() ?? '';
  return [...new Set([own, 'SAC', 'TD3'])]
    .flatMap(name => published.filter(line => line.name.startsWith(name)))
    .slice(0, 2)
    .map(({ name, value: best }, i) => ({
      name: `${i === 0 ? name : name.split(',')[0]} ${score(best)}`,
      value: best,
    }));
}
