import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** `summary.json` is written last: the run is finished. */
export function isFinished(directory: string): boolean {
  return existsSync(join(directory, 'summary.json'));
}
