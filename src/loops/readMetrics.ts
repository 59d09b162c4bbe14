import type { Metrics } from '../algorithms/algorithm.ts';
import { AgentError } from '../errors.ts';

/** The numbers an update reports. Call inside the `tf.tidy` that made them. */
export function readMetrics(metrics: Metrics): Record<string, number> {
  return Object.fromEntries(
    Object.entries(metrics).map(([key, value]) => [key, typeof value === 'number' ? value : value.dataSync()[0]!]),
  );
}

/** Throws `AgentError` naming `where` and the first number that is not finite. */
export function mustBeFinite(metrics: Readonly<Record<string, number>>, where: string): void {
  for (const [key, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) throw new AgentError(`stopped at ${where}: ${key} is ${value}`);
  }
}
