import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AgentError } from '../../errors.ts';
import type { Io } from '../command.ts';
import { packageRoot } from '../packageRoot.ts';

export interface Training {
  /** Arguments after `agent`, without the run directory. */
  readonly args: readonly string[];
  readonly run: string;
  /** How to go on after a failure. */
  readonly again: string;
}

/**
 * One training in a process of its own: anew, from where it was interrupted, or not at all if it is finished. Its lines
 * go to stderr. Throws `AgentError` when it fails or is interrupted.
 */
export async function trainToEnd({ args, run, again }: Training, io: Io): Promise<void> {
  if (existsSync(join(run, 'summary.json'))) return;
  const main = join(packageRoot(), 'dist/src/cli/main.js');
  const call = existsSync(run) ? ['resume', run] : [...args, '--run', run, '--dashboard', 'off'];
  io.stderr.write(`agent ${call.join(' ')}\n`);
  const child = spawn(process.execPath, [main, ...call], { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0)
    throw new AgentError(`agent ${call.join(' ')} ended with exit code ${code}`, [['continue', again]], code ?? 1);
}
