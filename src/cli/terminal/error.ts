import type { AgentError } from '../../errors.ts';
import type { Paint } from './paint.ts';

/** `agent: what, with the value`, then the remedies indented and aligned. */
export function errorLines(error: AgentError, paint: Paint): string[] {
  const width = Math.max(12, ...error.remedies.map(([label]) => label.length));
  const remedies = error.remedies.map(([label, command]) => `       ${label.padEnd(width)}  ${command}`);
  return [`${paint('bad', 'agent:')} ${error.message}`, ...remedies];
}
