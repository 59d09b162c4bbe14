import type { AppState } from '../appState.ts';
import { integer } from '../format.ts';

/** `first value at step 10,000` where the configuration says when. */
export function emptyText(app: AppState, metric: string): string {
  const options = app.currentData?.snapshot?.config.options as Record<string, unknown> | undefined;
  const every = metric.startsWith('eval/') ? options?.evalEvery : options?.logEvery;
  return typeof every === 'number' ? `first value at step ${integer(every)}` : 'no value yet';
}

/** The algorithm's own published score first, then the baselines people compare with. */
export function publishedLines(app: AppState): { name: string; value: number }[] {
  const published = app.currentData?.snapshot?.published ?? [];
  const own = app.run()?.algo.toUpperCase() ?? '';
  return [...new Set([own, 'SAC', 'TD3'])]
    .flatMap(name => published.filter(line => line.name.startsWith(name)))
    .slice(0, 2)
    .map(({ name, value: best }, i) => ({
      name: `${i === 0 ? name : name.split(',')[0]} ${integer(best)}`,
      value: best,
    }));
}
